"""The metric `served_by`."""

from harness.judge import Status, judge, measure
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of, row_of


def test_each_request_counts_for_the_provider_that_served_it() -> None:
    """One that nobody served is among all requests too."""
    book = Book().steady()
    book.request(11, fails(), Try(at="azure"))
    book.request(12, fails(), fails(at="azure"))
    plan = plan_of("served_by(azure) in fault >= 40%", "served_by(openai) in fault <= 90%", faults=[OUTAGE])
    run = book.run(plan)
    numbers = measure(run).phases["fault"]
    assert (numbers["served_by"].value, numbers["served_by"].samples) == (0.5, 2)
    assert numbers["served_by(azure)"].value == 0.5
    assert numbers["served_by(openai)"].value == 0
    assert [row.observed for row in judge(run).expectations] == [0.5, 0]


def test_a_provider_that_the_chain_does_not_have_serves_no_share() -> None:
    """Not 0 %: the name is misspelled."""
    row = row_of("served_by(opnai) <= 5%", Book().steady())
    assert (row.status, row.observed) == (Status.INCONCLUSIVE, None)
    assert row.message == "the chain has no provider 'opnai': openai, azure, anthropic"
