"""Metrics that an expectation asks for in part: `fallbacks(429)`, `retry_gap(2)`; and `fallback_rate`."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from harness.document import parse as read
from harness.judge import Status, judge, measure, metrics_json
from harness.judge.grammar import expectation_errors, parse
from harness.judge.metrics import METRICS
from harness.judge.result import ExpectationResult
from harness.scenario import Fault, Inject
from tests.judge.histories import OUTAGE, Book, Try, fails, knowing, plan_of, row_of


def _book(*statuses: int, hedged: int = 0, skipped: int = 0) -> Book:
    """Return requests that fall back after a failure each, hedge, or skip the first provider."""
    book = Book().steady()
    for place, status in enumerate(statuses):
        book.request(12 + place / 10, fails(status), Try(at="azure"))
    for place in range(hedged):
        book.request(20 + place / 10, Try(took_s=2.0), Try(at="azure", after_s=-1.0))
    for place in range(skipped):
        book.request(25 + place / 10, Try(at="azure"))
    return book


@pytest.mark.parametrize(
    ("expect", "observed", "samples", "status"),
    [
        ("fallbacks in fault >= 6", 6, 6, Status.PASS),
        ("fallbacks in baseline <= 0", 0, 20, Status.PASS),
        ("fallbacks(rate_limit) in fault >= 1", 2, 2, Status.PASS),
        ("fallbacks(rate_limit) in fault >= 3", 2, 2, Status.FAIL),
        ("fallbacks(429) <= 2", 2, 2, Status.PASS),
        ("fallbacks(400) <= 0", 1, 1, Status.FAIL),
        ("fallbacks( invalid ) <= 1", 1, 1, Status.PASS),
        ("fallbacks(hedge) in fault <= 0", 2, 6, Status.FAIL),
        ("fallbacks(skipped) in fault >= 1", 1, 6, Status.PASS),
        ("fallbacks(answered) <= 0", 0, 26, Status.PASS),
    ],
)
def test_fallbacks_are_counted_by_what_triggered_them(expect: str, observed: int, samples: int, status: Status) -> None:
    """By class, by status, or all; the value alone is judged."""
    row = row_of(expect, _book(429, 429, 400, hedged=2, skipped=1))
    assert (row.observed, row.samples, row.status, row.ci, row.metric) == (observed, samples, status, None, "fallbacks")


def test_what_never_failed_so_cannot_show_that_nothing_follows() -> None:
    """Without a 400 a run does not test what happens after one; a 400 without a fallback passes."""
    row = row_of("fallbacks(400) <= 0", _book(429))
    assert (row.status, row.observed, row.message) == (Status.INCONCLUSIVE, None, "no attempt was answered 400")
    row = row_of("fallbacks(quota) >= 1", _book(429))
    assert (row.status, row.message) == (Status.INCONCLUSIVE, "no attempt failed by quota")
    book = _book(429)
    book.request(15, fails(400))
    assert row_of("fallbacks(400) <= 0", book).status is Status.PASS


def test_a_lost_hedge_is_no_timeout() -> None:
    """The chain gave both attempts up: one because another had answered, the other because it took too long."""
    lost = Try(at="azure", after_s=-1.0, took_s=1.0, status=None, outcome="client_left")
    served = {"served_by": "openai", "served_attempt": "req-000021.openai.1", "complete": True, "outcome": "ok"}
    book = Book().steady()
    book.request(12, Try(took_s=2.0), lost, **served)
    assert row_of("fallbacks(timeout) in fault <= 0", book).status is Status.INCONCLUSIVE
    book.request(13, Try(status=None, outcome="client_left"), Try(at="azure", after_s=0.1))
    row = row_of("fallbacks(timeout) in fault <= 0", book)
    assert (row.status, row.observed, row.samples) == (Status.FAIL, 1, 1)


def test_a_fallback_is_one_of_its_phase() -> None:
    """A request belongs to the phase of its intended start."""
    book = Book().steady()
    book.request(9.99, fails(503), Try(at="azure", after_s=2))
    assert row_of("fallbacks in fault <= 0", book).status is Status.INCONCLUSIVE
    assert row_of("fallbacks(503) in baseline >= 1", book).status is Status.PASS


@pytest.mark.parametrize(
    ("line", "problem", "known", "hint"),
    [
        ("fallbacks(rate_limits) >= 1", "expected a class of failure or a status, found 'rate_limits'", "hedge", "did you mean 'rate_limit'?"),
        ("fallbacks(foo) >= 1", "expected a class of failure or a status, found 'foo'", "answered, or a status", "fallbacks(rate_limit)"),
        ("fallbacks() >= 1", "found ''", "quota", "fallbacks(rate_limit)"),
        ("fallbacks(100) >= 1", "found '100'", "429", "fallbacks(rate_limit)"),
        ("fallbacks(600) >= 1", "found '600'", "429", "fallbacks(rate_limit)"),
        ("fallbacks(200) >= 1", "a success triggers no fallback, found '200'", "", "fallbacks(rate_limit)"),
        ("p50 retry_gap(0) >= 1s", "expected the number of a retry, counted from 1, found '0'", "", "retry_gap(2)"),
        ("p50 retry_gap(two) >= 1s", "found 'two'", "", "retry_gap(2)"),
        ("success_rate(429) >= 1%", "'success_rate' takes no argument, found '429'", "", "write success_rate alone"),
        ("fallback_rate(429) <= 1%", "'fallback_rate' takes no argument", "", "write fallback_rate alone"),
        ("fallbacks(rate_limit >= 1", "not an expectation", "METRIC(ARGUMENT)", ""),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_an_error_with_a_hint(line: str, problem: str, known: str, hint: str) -> None:
    """What was found, what is known, and what may have been meant."""
    with pytest.raises(PydanticCustomError) as caught:
        parse(line, ["fault"])
    assert problem in caught.value.message()
    context = caught.value.context or {}
    assert known in context.get("known", "")
    assert hint in context["hint"]


def test_the_example_of_every_argument_is_right() -> None:
    """It is the hint of an error."""
    asked = {name: metric.argument for name, metric in METRICS.items() if metric.argument is not None}
    assert set(asked) == {"fallbacks", "retry_gap", "served_by"}
    for argument in asked.values():
        argument.check(argument.example)


def test_metrics_json_has_what_the_expectations_ask_for() -> None:
    """In every phase, under the name that the expectation has; and nothing more."""
    plan = plan_of("fallbacks(429) >= 1", "p50 retry_gap(2) >= 1s", "max retry_gap(2) < 9s", faults=[OUTAGE])
    phases = metrics_json(measure(_book(429).run(plan)))["phases"]
    for numbers in phases.values():
        assert {name for name in numbers if "(" in name} == {
            "fallbacks(429)",
            *(f"retry_gap(2)_{part}" for part in ("p50", "p90", "p95", "p99", "p99.9", "max")),
        }
    assert phases["fault"]["fallbacks(429)"] == {"value": 1.0, "ci": None, "samples": 1, "unit": "count"}
    assert not [name for name in measure(_book(429).run(plan_of())).phases["fault"] if "(" in name]


def _retrying(*waits_s: float, count: int = 10) -> Book:
    book = Book().steady()
    for place in range(count):
        tries = [fails(503, after_s=wait_s) for wait_s in (0.0, *waits_s)]
        book.request(12 + place / 10, *tries, Try(at="azure"))
    return book


@pytest.mark.parametrize(
    ("expect", "status"),
    [
        ("p50 retry_gap(1) <= 2s", Status.PASS),
        ("p50 retry_gap(1) >= 4s", Status.FAIL),
        ("p50 retry_gap(2) >= 4s", Status.PASS),
        ("max retry_gap(2) <= 4s", Status.PASS),
        ("max retry_gap <= 4s", Status.FAIL),
        ("max retry_gap(3) <= 8s", Status.PASS),
        ("p50 retry_gap(4) >= 1s", Status.INCONCLUSIVE),
    ],
)
def test_each_retry_has_a_wait_of_its_own(expect: str, status: Status) -> None:
    """2 s, 4 s and 8 s; there is no fourth."""
    assert row_of(expect, _retrying(2.0, 4.0, 8.0)).status is status


def test_too_few_retries_are_too_few() -> None:
    """As for every quantile: six for a median."""
    row = row_of("p50 retry_gap(2) >= 4s", _retrying(2.0, 4.0, count=5))
    assert (row.status, row.needed, row.samples) == (Status.INCONCLUSIVE, 6, 5)
    assert row_of("p50 retry_gap(3) >= 4s", _retrying(2.0)).message == "no request made retry 3 at a provider"


def test_retries_are_counted_at_each_provider() -> None:
    """The first at azure is no second one."""
    book = Book().steady()
    book.request(12, fails(503), fails(503, after_s=1), fails(503, at="azure"), Try(at="azure", after_s=5))
    assert row_of("max retry_gap(1) <= 5s", book).samples == 2
    assert row_of("max retry_gap(2) <= 5s", book).samples == 0


@pytest.mark.parametrize(("double_sends", "first_s", "second_s"), [(True, 2.0, 4.0), (False, 0.001, 2.0)])
def test_a_double_send_is_no_retry(double_sends: bool, first_s: float, second_s: float) -> None:
    """A connection try that the chain's library sends twice is one try; elsewhere each is one."""
    refused = Fault(on="openai", during="fault", inject=Inject(connection="refused"))
    expect = [f"max retry_gap({n}) <= {wait_s}s" for n, wait_s in ((1, first_s), (2, second_s))]
    plan = knowing(plan_of(*expect, faults=[refused]), double_sends=double_sends)
    book = Book().steady()
    waits_s = (0.0, 0.001, 2.0, 0.001, 4.0, 0.001)
    book.request(12, *(fails(None, outcome="refused", after_s=wait_s) for wait_s in waits_s), Try(at="azure"))
    rows = judge(book.run(plan)).expectations
    assert [row.observed for row in rows] == [pytest.approx(wait_s * 10**9) for wait_s in (first_s, second_s)]
    assert [row.samples for row in rows] == [1, 1]


def _rate(hits: int, size: int, expect: str) -> ExpectationResult:
    book = Book()
    for place in range(size):
        tries = (fails(503), Try(at="azure")) if place < hits else (Try(),)
        book.request(9.0 * place / size, *tries)
    return row_of(expect, book)


@pytest.mark.parametrize(
    ("hits", "size", "status", "needed"),
    [
        (0, 381, Status.PASS, None),
        (0, 380, Status.INCONCLUSIVE, 381),
        (1, 381, Status.INCONCLUSIVE, 563),
        (40, 381, Status.FAIL, None),
    ],
)
def test_a_fallback_rate_of_one_percent(hits: int, size: int, status: Status, needed: int | None) -> None:
    """With Wilson's interval, as every rate, and how many requests would be enough."""
    row = _rate(hits, size, "fallback_rate in baseline <= 1%")
    assert (row.status, row.needed, row.samples) == (status, needed, size)


def test_limits_on_two_arguments_do_not_contradict_each_other() -> None:
    """Only those on one and the same number can."""
    texts = ["fallbacks(429) >= 2", "fallbacks(400) <= 1", "fallbacks(429) <= 1"]
    assert _contradictions(texts) == ["contradicts 'fallbacks(429) >= 2'"]


def _contradictions(texts: list[str]) -> list[str]:
    lines = "".join(f"  - {text}\n" for text in texts)
    document = read(f"phases: {{fault: 1s}}\nexpect:\n{lines}".encode(), Path("scenario.yaml"))
    return [error.problem.partition(" in line")[0] for error in expectation_errors(document)]


def test_what_cannot_be_seen_has_no_number() -> None:
    """Refused connections of a gateway: neither the steps nor the retries."""
    refused = Fault(on="openai", during="fault", inject=Inject(connection="refused"))
    plan = plan_of("fallbacks(hedge) in fault <= 0", "fallback_rate in fault <= 1%", faults=[refused], endpoint=True)
    book = Book().steady()
    book.request(12, Try(at="azure"))
    rows = judge(book.run(plan, fired=None, unseen=True)).expectations
    assert [(row.status, row.observed) for row in rows] == [(Status.INCONCLUSIVE, None)] * 2
    assert all("not observable" in row.message for row in rows)
