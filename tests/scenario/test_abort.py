"""When a run is aborted: the window slides, a few requests decide nothing, and other requests do not count."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from harness.history import RequestRecord
from harness.history.records import WARMUP
from harness.judge.grammar import parse_abort
from harness.quantities import S
from harness.scenario.abort import REQUESTS_MIN, AbortText, AbortWatch

PHASES = ("baseline", "fault")


def ended(at_s: float, *, ok: bool = True, took_s: float = 0.5, **fields: Any) -> RequestRecord:
    """Return a request that ended at a time, in seconds since the origin."""
    end_ns = round(at_s * S)
    given: dict[str, Any] = {
        "request_id": "req-000001",
        "phase": "fault",
        "scheduled_ns": end_ns - round(took_s * S),
        "end_ns": end_ns,
        "outcome": "ok" if ok else "error",
    }
    return RequestRecord(**(given | fields))


def watch(when: str, kinds: tuple[str, ...] = ("chat",), *, origin_ns: int = 0) -> AbortWatch:
    """Return a watch for a condition."""
    return AbortWatch(parse_abort(when, PHASES, kinds), origin_ns=origin_ns)


def aborted_at(watching: AbortWatch, requests: list[RequestRecord]) -> int | None:
    """Return the place of the request at which the run is aborted, from 0; None if it is not."""
    return next((place for place, request in enumerate(requests) if watching.add(request) is not None), None)


def test_the_window_slides() -> None:
    """Ten successes a second, then failures alone: less than half of those of 5 s are fine after the 26th failure."""
    requests = [ended(place / 10, ok=place < 100) for place in range(200)]
    assert aborted_at(watch("success_rate < 50% for 5s"), requests) == 125


def test_what_was_measured_is_said() -> None:
    """With its digits, its requests and its window."""
    watching = watch("success_rate < 50% for 5s")
    found = [watching.add(ended(6 + place / 100, ok=place % 3 == 0)) for place in range(REQUESTS_MIN)]
    assert found[:-1] == [None] * (REQUESTS_MIN - 1)
    assert found[-1] == "success_rate was 40 % of the 10 requests that had ended in the last 5 s"


def test_a_run_that_is_younger_than_the_window_goes_on() -> None:
    """However bad it begins; times count from the origin."""
    bad = [ended(100 + place / 10, ok=False) for place in range(100)]
    assert aborted_at(watch("success_rate < 50% for 5s", origin_ns=100 * S), bad) == 50


@pytest.mark.parametrize(
    "fields",
    [{"phase": WARMUP}, {"outcome": "dropped", "end_ns": None}, {"kind": "embeddings"}, {"phase": "baseline"}],
)
def test_requests_that_it_is_not_about(fields: dict[str, Any]) -> None:
    """The warm-up's, those that never went out, of another kind, of another phase."""
    watching = watch("success_rate of chat in fault < 50% for 5s", ("chat", "embeddings"))
    assert aborted_at(watching, [ended(6 + place / 10, ok=False, **fields) for place in range(90)]) is None


def test_rows_of_several_processes_come_in_about_their_order() -> None:
    """One that comes late still counts."""
    requests = [ended(6 + place / 10, ok=False) for place in range(9)]
    assert aborted_at(watch("success_rate < 50% for 5s"), [*requests, ended(5.5, ok=False)]) == 9


def test_quantiles() -> None:
    """Of the latency from the intended start, and of the time to the first token, which a stream without one never had."""
    slow = [ended(6 + place / 10, took_s=1 + place / 10) for place in range(20)]
    assert aborted_at(watch("p50 latency > 1.7s for 5s"), slow) == 16
    assert aborted_at(watch("max latency > 1.7s for 5s"), slow) == REQUESTS_MIN - 1
    silent = [ended(6 + place / 10, streaming=True) for place in range(20)]
    assert aborted_at(watch("p95 ttft > 20s for 5s"), silent) == REQUESTS_MIN - 1
    assert aborted_at(watch("p95 ttft > 20s for 5s"), [ended(6 + place / 10) for place in range(20)]) is None


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ("success_rate < 50%", "not a condition with its time"),
        ("success_rate < 50% for", "not a condition with its time"),
        ("success_rat < 50% for 5s", "unknown metric 'success_rat'"),
        ("success_rate < half for 5s", "half"),
        ("success_rate < 50% for ever", "expected a duration after `for`, found 'ever'"),
        ("success_rate < 50% for 0s", "a condition that holds for no time"),
        ("latency < 5s for 5s", "'latency' needs a quantile"),
        ("p95 retry_gap > 5s for 5s", "is not watched while a run goes on"),
        ("no retry_storm for 5s", "is not watched while a run goes on"),
        ("success_rate of embeddings < 50% for 5s", "no request is of kind 'embeddings'"),
        ("success_rate in falt < 50% for 5s", "unknown phase 'falt'"),
    ],
)
def test_what_cannot_be_watched(when: str, problem: str) -> None:
    """Each with what is known."""
    with pytest.raises(PydanticCustomError) as error:
        parse_abort(when, PHASES)
    assert problem in error.value.message()


def test_the_verdict_is_inconclusive_unless_the_scenario_says_otherwise() -> None:
    """A line alone, or a mapping."""
    assert parse_abort("success_rate < 50% for 5s", PHASES).verdict == "inconclusive"
    abort = parse_abort(AbortText(when="success_rate < 50% for 5s", verdict="fail"), PHASES)
    assert (abort.verdict, abort.window_ns, abort.limit.target) == ("fail", 5 * S, 0.5)
