"""Checks of how single requests retry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.chain.facts import Tries
from harness.judge.result import Status
from harness.judge.tables.failures import QUOTA_PRESETS
from harness.provider.answer import Call, Problem, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.reply import Head
from harness.scenario import Fault, Inject, Plan
from tests.judge.histories import OUTAGE, Book, Try, fails, knowing, look, plan_of

PLAN = plan_of(faults=[OUTAGE])


@pytest.mark.parametrize(("after_s", "status"), [(1.949, Status.FAIL), (1.951, Status.PASS), (2.5, Status.PASS)])
def test_a_retry_before_the_time_told(after_s: float, status: Status) -> None:
    """51 ms too early is ignored advice, 49 ms is the stamps' own."""
    book = Book()
    shown = book.request(12, fails(429, told_s=2.0), Try(after_s=after_s))
    seen = look("retry_after_ignored", book.run(PLAN))
    assert seen.status is status
    assert seen.samples == 1
    assert seen.requests == ((shown,) if status is Status.FAIL else ())


def test_another_provider_may_be_tried_at_once() -> None:
    """A Retry-After concerns its own provider and its own request alone."""
    book = Book()
    book.request(12, fails(429, told_s=2.0), Try(at="azure"))
    book.request(12.1, Try())
    seen = look("retry_after_ignored", book.run(PLAN))
    assert (seen.status, seen.samples) == (Status.PASS, 1)


def test_coming_back_too_early_by_way_of_another_provider() -> None:
    """A return to the provider is a retry of it, others between or not."""
    book = Book()
    book.request(12, fails(429, told_s=2.0), fails(503, at="azure", fault=None), Try(after_s=0.5))
    assert look("retry_after_ignored", book.run(PLAN)).count == 1


def test_nobody_was_told_a_retry_after() -> None:
    """Without a Retry-After there is nothing to honour."""
    book = Book()
    book.request(12, fails(503), Try())
    seen = look("retry_after_ignored", book.run(PLAN))
    assert (seen.status, seen.samples) == (Status.INCONCLUSIVE, 0)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (400, True),
        (401, True),
        (403, True),
        (404, True),
        (413, True),
        (422, True),
        (408, False),
        (429, False),
        (500, False),
    ],
)
def test_a_retry_of_what_no_retry_can_change(status: int, shown: bool) -> None:
    """Six statuses must not be tried again at the same provider."""
    book = Book()
    book.request(12, fails(status), Try(after_s=1))
    seen = look("non_retryable_retried", book.run(PLAN))
    assert seen.count == int(shown)
    assert seen.samples == int(shown)


def test_a_fallback_after_a_bad_request_is_no_retry() -> None:
    """Another provider may be asked."""
    book = Book()
    book.request(12, fails(400), Try(at="azure"))
    assert look("non_retryable_retried", book.run(PLAN)).status is Status.PASS


@pytest.mark.parametrize(
    ("code", "status", "shown"),
    [
        ("insufficient_quota", 429, True),
        ("enforced_spend_limit_reached", 429, True),
        ("rate_limit_exceeded", 429, False),
        ("billing_error", 402, True),
        ("payment_required", 402, True),
        ("insufficient_quota", 403, False),
    ],
)
def test_a_retry_of_a_spent_quota(code: str, status: int, shown: bool) -> None:
    """A quota 429 differs from a rate limit by the body's own code; a 402 is always a quota's."""
    book = Book()
    book.request(12, fails(status, more={"error_code": code}), Try(after_s=1))
    assert look("quota_retried", book.run(PLAN)).count == int(shown)


def _told(dialect: str, problem: Problem) -> tuple[int, str | None]:
    """Return the status and the code of a dialect's mock for a problem."""
    answer = DIALECTS[dialect].fail(Refusal(Call(), "req-000001.openai.1", problem=problem))
    (status,) = [step.status for step in answer.reply if isinstance(step, Head)]
    return status, answer.error_code


@pytest.mark.parametrize("problem", sorted(QUOTA_PRESETS))
@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_each_dialects_quota_answer_is_known(dialect: str, problem: Problem) -> None:
    """A real provider's body has the same code as its mock's, and no fault in the plan names it.

    One that says no more than at a rate limit (Gemini) cannot be known, and one that says 403 is not to be tried again
    at all.
    """
    status, code = _told(dialect, problem)
    book = Book()
    book.request(12, fails(status, more={"error_code": code}), Try(after_s=1))
    run = book.run(PLAN)
    silent = (status, code) == _told(dialect, "rate_limit")
    assert look("quota_retried", run).count + look("non_retryable_retried", run).count == (0 if silent else 1)


def test_a_quota_fault_is_known_from_the_plan() -> None:
    """By the plan the 429 was a quota's, whatever code the body has."""
    plan = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(status=429, error="quota"))])
    book = Book()
    book.request(12, fails(429), Try(after_s=1))
    book.request(13, fails(429), Try(at="azure"))
    seen = look("quota_retried", book.run(plan))
    assert (seen.count, seen.samples) == (1, 2)


@pytest.mark.parametrize(("after_s", "shown"), [(-0.03, False), (-0.001, False), (0.0, True)])
@pytest.mark.parametrize(
    ("finding", "first"), [("retry_after_ignored", fails(429, told_s=2.0)), ("non_retryable_retried", fails(400))]
)
def test_what_began_before_the_answer_had_ended_is_no_retry(
    finding: str, first: Try, after_s: float, shown: bool
) -> None:
    """A hedge was sent before the first attempt's answer: both stamps are the edge's, so without tolerance."""
    book = Book()
    book.request(12, replace(first, took_s=0.5), Try(after_s=after_s))
    assert look(finding, book.run(PLAN)).count == int(shown)


def test_a_broken_connection_may_be_noticed_late() -> None:
    """When it broke is the chain's stamp, which may lie 50 ms after the retry's, of the edge."""
    book = _broken_and_retried(-0.049)
    assert look("no_backoff", book.run(PLAN)).samples == 20
    assert look("no_backoff", _broken_and_retried(-0.051).run(PLAN)).samples == 0


def _broken_and_retried(after_s: float) -> Book:
    book = Book()
    for place in range(20):
        book.request(12 + place, fails(None, took_s=0.5, outcome="cut"), Try(after_s=after_s))
    return book


ASKED = {"model": "gpt-4"}
LONGER = {"model": "gpt-4-32k"}


@pytest.mark.parametrize(
    "tries",
    [
        [fails(400, more=ASKED), Try(more=LONGER)],
        [fails(400, more=ASKED), fails(None, outcome="refused", at="azure"), Try(more=LONGER)],
    ],
)
def test_another_model_at_the_same_provider_is_no_retry(tries: list[Try]) -> None:
    """A fallback to a model with a larger context, 40 times, at once."""
    book = Book()
    for place in range(40):
        book.request(12 + place / 4, *tries)
    run = book.run(PLAN)
    assert look("non_retryable_retried", run).status is Status.PASS
    assert look("no_backoff", run).samples == 0


@pytest.mark.parametrize(
    "between", [[Try(more=LONGER)], [fails(None, outcome="refused")], [fails(503, more=LONGER), fails(503, at="azure")]]
)
def test_the_same_model_once_more_is_a_retry(between: list[Try]) -> None:
    """Whatever came between; of a refused connection the model is not known, so it counts as the same."""
    book = Book()
    book.request(12, fails(400, more=ASKED), *between, Try(more=ASKED))
    assert look("non_retryable_retried", book.run(PLAN)).count == 1


@pytest.mark.parametrize(
    ("declared", "tries", "shown"),
    [(None, 6, False), (None, 7, True), (3, 6, False), (3, 7, True), (1, 2, False), (1, 3, True)],
)
def test_a_storm_of_attempts(declared: int | None, tries: int, shown: bool) -> None:
    """More than twice what the chain declares, or what its library is known to do by default."""
    plan = plan_of(faults=[OUTAGE], attempts=declared)
    assert _storms(plan, *[fails(503, after_s=1)] * tries) == int(shown)


@pytest.mark.parametrize(("tries", "shown"), [(5, 0), (6, 1)])
def test_a_storm_where_nothing_is_known(tries: int, shown: int) -> None:
    """More than five."""
    assert _storms(plan_of(faults=[OUTAGE], endpoint=True), *[fails(503, after_s=1)] * tries) == shown


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ([429] * 12, 0),
        ([429] * 13, 1),
        ([503] * 3, 1),
        ([503] * 2 + [429] * 6, 0),
        ([418] * 12, 0),
        ([503, 200, 503], 1),
    ],
)
def test_a_storm_by_class_of_failure(statuses: list[int], shown: int) -> None:
    """Five retries of rate limits are declared, and none of server errors; the most that any of its failures allows counts."""
    tries = Tries(most=3, after={"rate_limit": 6, "server_error": 1})
    plan = plan_of(faults=[OUTAGE])
    plan = knowing(plan, tries=dict.fromkeys(plan.chain.providers, tries))
    assert _storms(plan, *[fails(status, after_s=1) for status in statuses]) == shown


@pytest.mark.parametrize(("code", "tries", "shown"), [("content_filter", 8, 0), ("content_filter", 9, 1), (None, 3, 1)])
def test_a_content_filter_has_its_own_declared_tries(code: str | None, tries: int, shown: int) -> None:
    """Four tries after a filtered prompt, one after any other 400."""
    declared = Tries(most=1, after={"content_policy": 4, "invalid": 1})
    plan = plan_of(faults=[OUTAGE])
    plan = knowing(plan, tries=dict.fromkeys(plan.chain.providers, declared))
    assert _storms(plan, *[fails(400, after_s=1, more={"error_code": code})] * tries) == shown


def test_a_double_send_is_no_storm() -> None:
    """Six connection tries of the chain's, each sent twice by LiteLLM's client library."""
    refused = {"status": None, "outcome": "refused", "took_s": 0.001}
    doubled = [fails(**refused, after_s=1), fails(**refused, after_s=0.002)] * 6
    assert _storms(PLAN, *doubled) == 0
    assert _storms(PLAN, *doubled, fails(**refused, after_s=1)) == 1


def _storms(plan: Plan, *tries: Try) -> int:
    """Return how many requests with these attempts, and then a fallback, are storms."""
    book = Book()
    book.request(12, *tries, Try(at="azure"))
    return look("retry_storm", book.run(plan)).count


def test_attempts_at_two_providers_are_no_storm() -> None:
    """Each provider is counted on its own."""
    book = Book()
    book.request(12, *[fails(503)] * 5, *[fails(503, at="azure")] * 5)
    assert look("retry_storm", book.run(PLAN)).status is Status.PASS


def test_warm_up_is_not_judged() -> None:
    """What the warm-up does is outside every finding."""
    book = Book()
    book.request(-5, fails(400), Try(), request_id="warmup-000001", phase="warmup")
    seen = look("non_retryable_retried", book.run(PLAN))
    assert (seen.status, seen.samples) == (Status.INCONCLUSIVE, 0)
