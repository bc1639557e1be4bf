"""When a request that fails everywhere asks which provider."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.chain import Retry
from harness.chain.driver import driver_of
from harness.chain.schedule import FAILURES, Band, PlannedAttempt, Schedule, merged
from harness.chain.spec import Policy
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


def test_it_is_told_in_words() -> None:
    """Peers as in the drawing of a chain, each wait with both ends, and the worst case with the timeouts."""
    assert list(TWO.lines()) == [
        "after 500 and timeout: a | b, again after 500 ms – 1 s",
        "c after 2.5 s – 4 s, at worst after 64 s (2 s – 3 s of it since the last attempt), again after 500 ms – 1 s",
        "then 2 s – 3 s before the error",
    ]


def test_as_plain_data() -> None:
    """In seconds; the worst case only where attempts last until their timeout."""
    first, second = TWO.as_json()["hops"]
    assert (first["providers"], first["tries"], first["after_s"]) == (["a", "b"], 2, [0, 0])
    assert (second["wait_s"], second["after_s"], second["at_worst_s"]) == ([2, 3], [2.5, 4], 64)
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
