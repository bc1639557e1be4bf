"""When a request that fails everywhere asks which provider."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chain import Retry
from harness.chain.driver import driver_of
from harness.chain.policy import Policy
from harness.chain.schedule import FAILURES, Band, PlannedAttempt, Schedule, merged
from tests.plans import chain

S = 10**9
NONE = Band(0, 0)
AGAIN, WASTED = Band(S // 2, S), Band(2 * S, 3 * S)
TWO = Schedule(
    failures=("500", "timeout"),
    attempts=(
        PlannedAttempt(("a", "b"), NONE, 30 * S),
        PlannedAttempt(("a", "b"), AGAIN, 30 * S),
        PlannedAttempt(("c",), WASTED, 10 * S),
        PlannedAttempt(("c",), AGAIN, 10 * S),
    ),
    end=WASTED,
)


def test_it_is_shown_in_words() -> None:
    """Peers as in the drawing of a chain, each wait with both ends in one unit, the worst case with the timeouts, and the total."""
    assert list(TWO.lines()) == [
        "if every try fails with 500 or timeout:",
        "a | b: 2 tries with a wait of 0.5–1 s",
        "c: 2–3 s later, 2.5–4 s after the request (64 s if each try times out); 2 tries with a wait of 0.5–1 s",
        "the error: 2–3 s later, 5–8 s after the request (88 s if each try times out)",
    ]


def once(*names: str) -> tuple[PlannedAttempt, ...]:
    """Return one attempt at each of some providers, without a wait."""
    return tuple(PlannedAttempt((name,), NONE, 30 * S) for name in names)


@pytest.mark.parametrize(
    ("failures", "names", "text"),
    [
        (("401", "400"), ["a"], "if every try fails with 401 or 400: a is tried once, then the caller gets the error"),
        (
            ("401",),
            ["a", "b"],
            "if every try fails with 401: a and b are tried once each, without a wait, then the caller gets the error",
        ),
        (
            ("timeout",),
            ["a"],
            (
                "if every try fails with timeout: a is tried once, then the caller gets the error, 30 s after the request if each "
                "try times out"
            ),
        ),
    ],
)
def test_single_tries_are_one_sentence(failures: tuple[str, ...], names: list[str], text: str) -> None:
    """There is no wait to show."""
    assert list(Schedule(failures=failures, attempts=once(*names), end=NONE).lines()) == [text]


def test_a_chain_that_locks_its_callers_out() -> None:
    """Only after some of the failures, which makes these a schedule of their own."""
    found = merged({"500": (once("a"), NONE), "429": (once("a"), NONE)}, {"429": 5 * S})
    assert [(each.failures, each.locked_out_ns) for each in found] == [(("500",), 0), (("429",), 5 * S)]
    assert list(found[1].lines())[-1] == "afterwards: for 5 s every request is refused, and no provider is asked"
    assert found[1].as_json()["locked_out_s"] == 5


@pytest.mark.parametrize(
    ("band", "text"),
    [
        (Band(S // 2, 5 * S // 4), "0.5–1.25 s"),
        (Band(0, S // 2), "0–500 ms"),
        (Band(S, S), "1 s"),
        (Band(100 * S, 125 * S), "100 s – 2 min 5 s"),
    ],
)
def test_both_ends_of_a_wait_have_one_unit(band: Band, text: str) -> None:
    """Minutes beside seconds, as elsewhere."""
    assert band.text == text


def test_as_plain_data() -> None:
    """In seconds; the worst case only where attempts last until their timeout."""
    written = TWO.as_json()
    first, second = written["hops"]
    assert (first["providers"], first["tries"], first["after_s"]) == (["a", "b"], 2, [0, 0])
    assert (second["wait_s"], second["after_s"], second["at_worst_s"]) == ([2, 3], [2.5, 4], 64)
    assert (written["total_s"], written["total_at_worst_s"]) == ([5, 8], 88)
    assert Schedule(failures=("500",), attempts=TWO.attempts, end=NONE).as_json()["hops"][1]["at_worst_s"] is None


def test_those_that_are_alike_are_one() -> None:
    """In the order of the failures; a failure that was not played has none."""
    found = merged(
        {"500": (TWO.attempts, NONE), "429": (TWO.attempts[:1], NONE), "503": (TWO.attempts, NONE), "401": ((), NONE)}
    )
    assert [each.failures for each in found] == [("500", "503"), ("429",)]


def test_a_deadline_of_its_own_ends_the_reference_chain() -> None:
    """Two attempts of 20 s each leave 10 s of a request's 50 s to the third, and none to the last provider."""
    ours = chain(
        "openai", "azure", timeout=20 * S, retry=Retry(attempts=2, backoff="fixed"), policy=Policy(deadline=50 * S)
    )
    (silent,) = (each for each in driver_of(ours).schedules(ours) if each.times_out)
    assert [step.providers for step in silent.attempts] == [("openai",), ("openai",), ("azure",)]
    assert silent.attempts[-1].timeout_ns < 10 * S


@given(st.integers(1, 5), st.sampled_from(["exponential", "fixed", "full-jitter", "equal-jitter", "decorrelated"]))
def test_every_failure_has_a_schedule(attempts: int, backoff: str) -> None:
    """Each begins at the first provider, at once, and no wait is longer at its shortest."""
    ours = chain("openai", "azure", "anthropic", retry=Retry(attempts=attempts, backoff=backoff))  # type: ignore[arg-type]
    found = driver_of(ours).schedules(ours)
    assert sorted(failure for each in found for failure in each.failures) == sorted(FAILURES)
    for schedule in found:
        assert schedule.attempts[0].providers == ("openai",)
        assert all(step.wait.least <= step.wait.most for step in schedule.attempts)
        assert schedule.hops[0].after == NONE
