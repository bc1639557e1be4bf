"""Which fault touches an attempt."""

import math

from hypothesis import given
from hypothesis import strategies as st

from harness.provider.decide import Attempt, State, begin, decide
from harness.scenario import Inject, Window

START, END = 1_000, 2_000
REQUESTS = st.integers(1, 10**6).map(lambda n: f"req-{n:06d}")


def window(
    share: float = 1.0,
    *,
    fault_id: str = "fault-1",
    provider: str = "openai",
    inject: Inject | None = None,
    start: int = START,
    end: int = END,
) -> Window:
    """Return a window with a share."""
    inject = inject or Inject(status=503)
    return Window(fault_id=fault_id, provider=provider, start_ns=start, end_ns=end, inject=inject, share=share, text="")


def state(*windows: Window, seed: int = 1) -> State:
    """Return openai's first state."""
    return begin("openai", seed=seed, windows=windows)


def fault(of: State, at_ns: int, request_id: str | None = "req-000001", nth: int = 1) -> str | None:
    """Return the id of the fault that hits."""
    _, hit = decide(of, Attempt(at_ns=at_ns, request_id=request_id, nth=nth))
    return hit.fault_id if hit else None


@given(at_ns=st.integers(0, 3_000), request_id=REQUESTS | st.none(), nth=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_whole_share_hits_exactly_inside_its_window(at_ns: int, request_id: str | None, nth: int, seed: int) -> None:
    """100 % hits every attempt from the start to before the end, and none outside."""
    hit = fault(state(window(), seed=seed), at_ns, request_id, nth)
    assert (hit == "fault-1") == (START <= at_ns < END)


@given(
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
    shuffled=st.permutations([(f"req-{n:06d}", nth) for n in range(8) for nth in (1, 2, 3)]),
)
def test_decisions_do_not_depend_on_the_order_of_arrival(
    share: float, seed: int, shuffled: list[tuple[str, int]]
) -> None:
    """Whoever comes first, each attempt meets the same fault."""

    def decisions(order: list[tuple[str, int]]) -> dict[tuple[str, int], bool]:
        now, found = state(window(share), seed=seed), {}
        for request_id, nth in order:
            now, hit = decide(now, Attempt(at_ns=START, request_id=request_id, nth=nth))
            found[request_id, nth] = hit is not None
        return found

    assert decisions(shuffled) == decisions(sorted(shuffled))


@given(share=st.sampled_from([0.05, 0.3, 0.5, 0.9]), seed=st.integers(0, 10**6))
def test_a_share_is_kept_within_binomial_bounds(share: float, seed: int) -> None:
    """Of many attempts, about that share is hit; six standard deviations leave no room for bad luck."""
    count = 800
    now = state(window(share), seed=seed)
    hits = sum(fault(now, START, f"req-{n:06d}") is not None for n in range(count))
    assert abs(hits - share * count) < 6 * math.sqrt(count * share * (1 - share))


@given(seed=st.integers(0, 10**6))
def test_orphans_are_drawn_one_by_one(seed: int) -> None:
    """Attempts without a request are told apart by their own count, so a share holds for them too."""
    now, hits = state(window(0.5), seed=seed), 0
    for _ in range(400):
        now, hit = decide(now, Attempt(at_ns=START, request_id=None, nth=0))
        hits += hit is not None
    assert abs(hits - 200) < 60


def test_a_share_of_nothing_never_hits() -> None:
    """0 % touches nobody."""
    assert all(fault(state(window(0.0)), START, f"req-{n:06d}") is None for n in range(200))


def test_the_earlier_window_of_the_file_wins() -> None:
    """Where two windows overlap and both would hit, the first one written does."""
    both = state(window(fault_id="fault-1"), window(fault_id="fault-2"))
    assert fault(both, START) == "fault-1"
    spared = state(window(0.0, fault_id="fault-1"), window(fault_id="fault-2"))
    assert fault(spared, START) == "fault-2"


def test_windows_draw_for_themselves() -> None:
    """Two shares of 50 % on the same attempts hit 75 % of them between them, not the same half twice."""
    both = state(window(0.5, fault_id="fault-1"), window(0.5, fault_id="fault-2"))
    hits = sum(fault(both, START, f"req-{n:06d}") is not None for n in range(1_000))
    assert 690 < hits < 810


def test_other_providers_and_toxiproxys_faults_are_not_decided_here() -> None:
    """A state holds its provider's own windows, without those that hit the whole listener."""
    refused = window(inject=Inject(connection="refused"))
    slow = window(inject=Inject(connection="slow", delay=10**9))
    assert state(refused, slow, window(provider="azure")).windows == ()
