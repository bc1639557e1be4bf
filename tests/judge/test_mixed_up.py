"""A caller who was given the answer to somebody else's request."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from harness.chain.spec import OtherAnswer
from harness.judge import RUN, Status, journeys, judge, measure
from harness.scenario import Plan
from tests.judge.histories import Book, Try, fails, knowing, look, plan_of


def _mixed_up(book: Book) -> str:
    """Write down a request whose own attempt succeeded, and whose text names that of the first one."""
    return book.request(7, Try(), served_by=None, served_attempt=None, sources=("req-000001.openai.1",), complete=False)


def test_it_is_no_success_of_its_own_attempt() -> None:
    """Nobody served it, and what its attempt cost was for nothing."""
    book = Book().steady()
    _mixed_up(book)
    plan = plan_of()
    values = measure(book.run(plan)).phases[RUN]
    assert values["success_rate"].value == 20 / 21
    assert (values["wasted_tokens"].value, values["cost"].value) == (50, 0.01)
    journey = journeys(book.run(plan)).iloc[-1]
    assert journey["winning_attempt"] is pd.NA
    assert not isinstance(journey["served_by"], str)


def test_it_fails_a_run_that_asks_for_nothing() -> None:
    """One of them is enough, and each is named."""
    book = Book().steady()
    shown = tuple(_mixed_up(book) for _ in range(100))
    verdict = judge(book.run(plan_of()))
    assert verdict.status is Status.FAIL
    assert {f.id: f.requests for f in verdict.findings if f.status is Status.FAIL} == {"answer_of_another": shown}
    assert look("answer_of_another", Book().steady().run(plan_of())).status is Status.PASS


def test_a_part_of_anothers_answer_is_enough() -> None:
    """Its own answer, and the beginning of somebody else's after it."""
    book = Book().steady()
    shown = book.request(7, Try(), sources=("req-000021.openai.1", "req-000001.openai.1"), complete=False)
    book.request(8, Try(), sources=("req-000022.openai.1", "req-000022.openai.1"), complete=False)
    assert look("answer_of_another", book.run(plan_of())).requests == (shown,)


def _answering(*answers: OtherAnswer) -> Plan:
    plan = plan_of()
    return replace(plan, chain=replace(plan.chain, answers=answers))


@pytest.mark.parametrize(("took_s", "shown"), [(0.01, 0), (9.0, 1)])
def test_a_declared_cache_may_answer_with_what_was_sent_earlier(took_s: float, shown: int) -> None:
    """Not with what was still under way."""
    book = Book()
    book.request(1, Try(took_s=took_s))
    book.request(5, served_by=None, served_attempt=None, sources=("req-000001.openai.1",), outcome="ok", status=200)
    assert look("answer_of_another", book.run(_answering("cache"))).count == shown
    assert look("answer_of_another", book.run(_answering("canned"))).count == 1


def test_a_cached_answer_counts_as_complete() -> None:
    """As the history joins it: neither this finding, nor an error swallowed."""
    book = Book()
    book.request(1, fails(503), fails(503, at="azure"), served_by="cache", outcome="ok", status=200, complete=True)
    run = book.run(_answering("cache"))
    assert [look(name, run).count for name in ("answer_of_another", "answer_of_nobody", "error_swallowed")] == [0, 0, 0]
    assert measure(run).phases[RUN]["success_rate"].value == 1


NOBODYS = {"outcome": "ok", "status": 200, "served_attempt": None, "sources": (), "complete": False}


@pytest.mark.parametrize(
    ("tries", "chars", "shown"),
    [
        ([Try()], 100, 1),
        ([Try()], 99, 0),
        ([Try()], 0, 0),
        ([fails(503)], 30, 1),
        ([], 30, 1),
        ([fails(503), Try(at="azure", more={"forwarded": True})], 300, 0),
        ([fails(503, more={"forwarded": True})], 300, 1),
    ],
)
def test_text_that_no_attempt_sent(tries: list[Try], chars: int, shown: int) -> None:
    """Shorter text may have lost the name of its attempt, and a real provider's has none."""
    book = Book()
    for _ in range(100):
        book.request(7, *tries, **NOBODYS, text_chars=chars)
    assert look("answer_of_nobody", book.run(plan_of())).count == 100 * shown


def test_text_of_its_own_attempt_is_somebodys() -> None:
    """Complete, or named and more than once."""
    book = Book().steady()
    book.request(7, Try(), sources=("req-000021.openai.1", "req-000021.openai.1"), complete=False)
    found = look("answer_of_nobody", book.run(plan_of()))
    assert (found.status, found.samples) == (Status.PASS, 21)


def test_what_a_chain_declares_is_no_answer_of_nobody() -> None:
    """A canned text is in order, though not complete; rewritten ones cannot be decided."""
    book = Book()
    book.request(7, Try(), **NOBODYS, text_chars=300)
    assert look("answer_of_nobody", book.run(_answering("canned"))).status is Status.PASS
    rewriting = book.run(_answering("rewrites"))
    assert look("answer_of_nobody", rewriting).status is Status.INCONCLUSIVE
    assert look("truncated_as_success", rewriting).status is Status.INCONCLUSIVE
    assert look("answer_of_nobody", book.run(_answering("cache"))).status is Status.FAIL


def test_a_provider_that_is_never_called_answers_without_an_attempt() -> None:
    """LiteLLM's `mock_response`: the text of such a deployment is neither an error swallowed nor nobody's."""
    book = Book()
    for tries in ([], [fails(503)]):
        book.request(7, *tries, **NOBODYS, text_chars=30)
    names = ("answer_of_nobody", "error_swallowed")
    assert [look(name, book.run(plan_of())).count for name in names] == [2, 2]
    mocked = book.run(knowing(plan_of(), never_called=("azure",)))
    assert [look(name, mocked).count for name in names] == [0, 0]
    elsewhere = book.run(knowing(plan_of(), never_called=("of-another-model",)))
    assert [look(name, elsewhere).count for name in names] == [2, 2]


def test_a_failed_attempt_s_own_text_is_not_that_of_a_provider_that_is_never_called() -> None:
    """The text names the attempt that failed; an empty one is nobody's answer."""
    book = Book()
    named = {"served_attempt": "req-000001.openai.1", "sources": ("req-000001.openai.1",), "text_chars": 30}
    book.request(7, fails(503), **NOBODYS | named)
    book.request(7, fails(503), **NOBODYS, text_chars=0)
    mocked = book.run(knowing(plan_of(), never_called=("azure",)))
    assert look("error_swallowed", mocked).count == 2


def test_completeness_of_rewritten_answers_is_unknown() -> None:
    """An expectation on it is inconclusive, in the phases where a text names no attempt."""
    book = Book().steady()
    book.request(12, Try(), **NOBODYS, text_chars=300)
    plan = plan_of("success_rate in baseline >= 50%", "success_rate in fault >= 50%")
    rewriting = replace(plan, chain=replace(plan.chain, answers=("rewrites",)))
    statuses = [row.status for row in judge(book.run(rewriting)).expectations]
    assert statuses == [Status.PASS, Status.INCONCLUSIVE]


def test_without_an_attempt_of_its_own_it_is_an_error_swallowed() -> None:
    """All of its attempts failed, and a 2xx came all the same."""
    book = Book().steady()
    shown = book.request(
        12, Try(status=503), outcome="ok", status=200, served_attempt=None, sources=("req-000001.openai.1",)
    )
    plan = plan_of("no error_swallowed")
    verdict = judge(book.run(plan))
    assert {f.id: f.requests for f in verdict.findings}["error_swallowed"] == (shown,)
