"""Which faults touch an attempt."""

import math
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.document import Allowance
from harness.provider.decide import NOTHING, Attempt, Decision, State, begin, decide
from harness.provider.inject import Limit
from harness.provider.limit import Level, Quota
from harness.quantities import S
from harness.scenario import Inject, Window

START, END = 1_000, 2_000
REQUESTS = st.integers(1, 10**6).map(lambda n: f"req-{n:06d}")
STATUS = Inject(status=503)
CUT = Inject(stream="cut")
END_EARLY = Inject(stream="end")
DELAY = Inject(delay=S)
PACE = Inject(ttft=S)


def window(place: int = 1, inject: Inject = STATUS, **fields: Any) -> Window:
    """Return the window `fault-PLACE`."""
    more = {"provider": "openai", "start_ns": START, "end_ns": END} | fields
    return Window(fault_id=f"fault-{place}", inject=inject, **more)


def limit_of(place: int, requests: int | None = None, tokens: int | None = None, **fields: Any) -> Window:
    """Return a window with a quota per second."""
    quota = Limit(
        requests=Allowance(requests, S) if requests else None, tokens=Allowance(tokens, S) if tokens else None
    )
    return window(place, Inject(limit=quota), end_ns=10 * S, **fields)


def state(*windows: Window, seed: int = 1) -> State:
    """Return openai's first state."""
    return begin("openai", seed=seed, windows=windows)


def attempt(place: int | None = 1, nth: int = 1, at_ns: int = START, **fields: Any) -> Attempt:
    """Return an attempt of a request, or of none."""
    return Attempt(at_ns, None if place is None else f"req-{place:06d}", nth, **fields)


def told(now: State, attempts: Iterable[Attempt]) -> list[Decision]:
    """Return what is decided about attempts, one after the other."""
    decisions = []
    for each in attempts:
        now, decision = decide(now, each)
        decisions.append(decision)
    return decisions


def ids(decision: Decision) -> dict[str, str]:
    """Return the faults that touch an attempt, by side."""
    return {side: found.fault_id for side, found in decision.faults.items()}


def hits(now: State, attempts: Iterable[Attempt]) -> list[bool]:
    """Return which attempts are touched at all."""
    return [bool(decision.faults) for decision in told(now, attempts)]


@given(at_ns=st.integers(0, 3_000), request_id=REQUESTS | st.none(), nth=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_whole_share_hits_exactly_inside_its_window(at_ns: int, request_id: str | None, nth: int, seed: int) -> None:
    """100 % hits every attempt from the start to before the end, and none outside."""
    _, decision = decide(state(window(), seed=seed), Attempt(at_ns, request_id, nth))
    assert ids(decision) == ({"instead": "fault-1"} if START <= at_ns < END else {})


def test_what_no_fault_touches_has_no_decision() -> None:
    """The one decision that costs no further work: outside every window, and where no window chooses the attempt."""
    spares = state(window(share=0.0), window(2, END_EARLY), window(3, DELAY, first=1))
    assert decide(spares, attempt(nth=2))[1] is NOTHING
    assert decide(spares, attempt(at_ns=END))[1] is NOTHING
    assert decide(state(), attempt(None))[1] is NOTHING


SHUFFLED = st.permutations([(n, nth) for n in range(8) for nth in (1, 2, 3)])


@given(share=st.floats(0, 1), seed=st.integers(0, 99), shuffled=SHUFFLED)
def test_decisions_do_not_depend_on_the_order_of_arrival(
    share: float, seed: int, shuffled: list[tuple[int, int]]
) -> None:
    """Whoever comes first, each attempt meets the same faults, and the same jitter."""
    jitter = Inject(delay=S, jitter=S)
    now = state(window(share=share), window(2, jitter, share=share), window(3, CUT, first=2), seed=seed)

    def decisions(order: list[tuple[int, int]]) -> dict[tuple[int, int], tuple[dict[str, str], float]]:
        found = told(now, [attempt(*key) for key in order])
        return {key: (ids(decision), decision.drawn) for key, decision in zip(order, found, strict=True)}

    assert decisions(shuffled) == decisions(sorted(shuffled))


@given(share=st.sampled_from([0.05, 0.3, 0.5, 0.9]), seed=st.integers(0, 10**6))
def test_a_share_is_kept_within_binomial_bounds(share: float, seed: int) -> None:
    """Of many attempts, about that share is hit; six standard deviations leave no room for bad luck."""
    count = 800
    found = sum(hits(state(window(share=share), seed=seed), (attempt(n) for n in range(count))))
    assert abs(found - share * count) < 6 * math.sqrt(count * share * (1 - share))


@given(seed=st.integers(0, 10**6))
def test_orphans_are_drawn_one_by_one(seed: int) -> None:
    """Attempts without a request have a count of their own, so a share holds for them too."""
    found = sum(hits(state(window(share=0.5), seed=seed), (attempt(None, 0) for _ in range(400))))
    assert abs(found - 200) < 60


def test_every_orphan_is_a_first_attempt() -> None:
    """It is nobody's second, whatever number its record has."""
    assert hits(state(window(first=1)), [attempt(None, nth) for nth in (0, 1, 7)]) == [True] * 3


def test_a_share_of_nothing_never_hits() -> None:
    """0 % touches nobody."""
    assert not any(hits(state(window(share=0.0)), (attempt(n) for n in range(200))))


def test_windows_draw_for_themselves() -> None:
    """Two shares of 50 % on the same attempts hit 75 % of them between them, not the same half twice."""
    both = state(window(share=0.5), window(2, share=0.5))
    assert 690 < sum(hits(both, (attempt(n) for n in range(1_000)))) < 810


def test_first_counts_the_attempts_of_each_request() -> None:
    """The first two of every request are hit, its third is not."""
    attempts = [attempt(n, nth) for nth in (1, 2, 3) for n in (1, 2)]
    assert hits(state(window(first=2)), attempts) == [True, True, True, True, False, False]


def test_every_counts_what_the_other_selectors_left() -> None:
    """Every third stream: the plain ones between them count for nothing."""
    now = state(window(every=3, streaming=True))
    streams = [attempt(n, streaming=n % 2 == 0) for n in range(12)]
    assert hits(now, streams) == [n in (4, 10) for n in range(12)]


def test_every_counts_inside_its_window_alone() -> None:
    """What came before does not bring it forward."""
    times = [0, 0, START, START, START, START]
    assert hits(state(window(every=2)), [attempt(n, at_ns=at) for n, at in enumerate(times)]) == [
        False,
        False,
        False,
        True,
        False,
        True,
    ]


def test_models_and_streaming_choose() -> None:
    """By what the attempt asks for."""
    assert hits(state(window(models=("gpt-4", "o1"))), [attempt(model=m) for m in ("gpt-4", "o1", "gpt-3", None)]) == [
        True,
        True,
        False,
        False,
    ]
    for wanted in (True, False):
        found = hits(state(window(streaming=wanted)), [attempt(streaming=s) for s in (True, False)])
        assert found == [wanted, not wanted]


def test_a_fault_of_streams_chooses_streams() -> None:
    """On a plain answer it could do nothing, and would only stand in another's way; a cut can."""
    both = state(window(1, END_EARLY, every=2), window(2, CUT))
    found = told(both, [attempt(n, streaming=n % 2 == 0) for n in range(4)])
    assert [ids(decision)["body"] for decision in found] == ["fault-2", "fault-2", "fault-1", "fault-2"]


@pytest.mark.parametrize(("first", "second"), [(STATUS, Inject(connection="reset")), (CUT, Inject(stream="stall"))])
def test_of_two_faults_on_one_side_the_first_in_the_file_that_hits_wins(first: Inject, second: Inject) -> None:
    """Where the first spares an attempt, the second has it."""
    decided = told(state(window(1, first), window(2, second)), [attempt()])[0]
    assert list(ids(decided).values()) == ["fault-1"]
    decided = told(state(window(1, first, share=0.0), window(2, second)), [attempt()])[0]
    assert list(ids(decided).values()) == ["fault-2"]


def test_a_window_whose_side_is_taken_does_not_meet_the_attempt() -> None:
    """It neither counts it nor lets a limit pay for it."""
    now = state(window(1, first=1), window(2, Inject(status=500), every=2), limit_of(3, requests=1))
    found = told(now, [attempt(1, 1), attempt(2, 1), attempt(1, 2), attempt(2, 2), attempt(1, 3)])
    assert [ids(decision).get("instead") for decision in found] == ["fault-1", "fault-1", None, "fault-2", "fault-3"]


def test_faults_on_different_sides_compose() -> None:
    """An answer in the provider's place, a body, a pace and a delay, in whatever order the file has them."""
    now = state(window(1, PACE), window(2, DELAY), window(3, CUT), window(4, STATUS))
    (decided,) = told(now, [attempt(streaming=True)])
    assert ids(decided) == {"pace": "fault-1", "delay": "fault-2", "body": "fault-3", "instead": "fault-4"}


def test_a_limit_that_lets_pass_tells_what_is_left_and_touches_nothing() -> None:
    """The attempt that exceeds it is sent the wait as well."""
    now = state(limit_of(1, requests=2))
    first, second, third = told(now, [attempt(n) for n in (1, 2, 3)])
    assert (first.faults, first.wait_ns, first.quota) == ({}, 0, Quota(requests=Level(2, 1, S // 2)))
    assert (second.faults, second.quota) == ({}, Quota(requests=Level(2, 0, S)))
    assert (ids(third), third.wait_ns) == ({"instead": "fault-1"}, S // 2)


def test_a_limit_counts_tokens() -> None:
    """Those of the prompt and the most that the answer may have, by the attempt's own limit."""
    found = told(state(limit_of(1, tokens=100)), [attempt(n, tokens=60) for n in (1, 2)])
    assert [decision.wait_ns for decision in found] == [0, S // 5]


def test_a_limit_begins_full_and_only_inside_its_window() -> None:
    """Attempts before it take nothing; selectors choose who has to keep it."""
    now = state(limit_of(1, requests=1, streaming=True))
    attempts = [attempt(1, at_ns=0, streaming=True), attempt(2), attempt(3, streaming=True), attempt(4, streaming=True)]
    assert hits(now, attempts) == [False, False, False, True]


def test_of_two_limits_a_refusal_speaks_for_itself() -> None:
    """The wait and the quota that are sent are those of the limit that was exceeded."""
    now = state(limit_of(1, requests=50), limit_of(2, requests=1))
    passed, refused = told(now, [attempt(1), attempt(2)])
    assert passed.quota == Quota(requests=Level(50, 49, S // 50))
    assert (ids(refused), refused.wait_ns) == ({"instead": "fault-2"}, S)
    assert refused.quota == Quota(requests=Level(1, 0, S))


def test_who_is_refused_by_one_limit_takes_nothing_from_another() -> None:
    """Otherwise the first limit would count calls that were refused, and make the next ones wait for them."""
    first, second = limit_of(1, requests=3), limit_of(2, requests=1)
    *_, last = told(state(first, second), [attempt(place) for place in range(1, 7)])
    assert ids(last) == {"instead": "fault-2"}
    assert last.wait_ns == S


def test_jitter_is_drawn_where_there_is_some() -> None:
    """A number of its own for each attempt; without jitter none is needed."""
    drawn = {d.drawn for d in told(state(window(1, Inject(delay=S, jitter=S))), [attempt(n) for n in range(50)])}
    assert len(drawn) == 50
    assert {d.drawn for d in told(state(window(1, DELAY)), [attempt(n) for n in range(5)])} == {0.5}


def test_other_providers_and_toxiproxys_faults_are_not_decided_here() -> None:
    """A state holds its provider's own windows, without those that hit the whole listener."""
    refused = window(1, Inject(connection="refused"))
    slow = window(2, Inject(connection="slow", delay=S))
    throttle = window(3, Inject(connection="throttle", bytes_per_second=1000))
    assert state(refused, slow, throttle, window(4, provider="azure")).windows == ()


@given(seed=st.integers(0, 10**6))
def test_a_share_of_callers_hits_the_same_ones_again_and_again(seed: int) -> None:
    """Every attempt of a caller's requests meets the fault, or none does; about the share of the callers is hit."""
    callers = {f"req-{place:06d}": f"1-{place % 40}" for place in range(200)}
    now = begin("openai", seed=seed, windows=[window(share=0.5, share_by="caller")], callers=callers)
    attempts = [attempt(place, nth) for place in range(200) for nth in (1, 2, 3)]
    fate: dict[str, set[bool]] = {}
    for each, hit in zip(attempts, hits(now, attempts), strict=True):
        fate.setdefault(callers[each.request_id or ""], set()).add(hit)
    assert all(len(found) == 1 for found in fate.values())
    assert 4 <= sum(True in found for found in fate.values()) <= 36


def test_a_request_of_nobody_is_a_caller_of_its_own() -> None:
    """Its retries share its fate."""
    now = state(window(share=0.5, share_by="caller"))
    for place in range(50):
        assert len({*hits(now, [attempt(place, nth) for nth in range(1, 6)])}) == 1
    assert len({hits(now, [attempt(place)])[0] for place in range(50)}) == 2
