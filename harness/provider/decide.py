"""Which faults touch an attempt: a pure step, one state per provider.

Faults compose. Each changes one aspect of an answer, and of those that change the same one the first in the file that
touches the attempt acts. So a delay holds up an error too, while an error leaves no body to cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from harness.draw import draw
from harness.provider import limit
from harness.provider.fault_kind import Aspect, FaultKind
from harness.provider.inject import Limit
from harness.provider.limit import Bucket, Quota
from harness.provider.window import Window

NO_QUOTA = Quota()


class Attempt(NamedTuple):
    """What a decision depends on.

    Attributes:
        at_ns: When the attempt begins, in nanoseconds since the run's origin.
        request_id: The request it belongs to; None for an orphan.
        nth: Its place among the request's attempts at this provider, counted from 1; without meaning for an orphan.
        model: What it asks for.
        streaming: Whether it streams.
        tokens: What it counts for in a limit of tokens: its prompt, and the most that its answer may have.
    """

    at_ns: int
    request_id: str | None
    nth: int
    model: str | None = None
    streaming: bool = False
    tokens: int = 0


class Decision(NamedTuple):
    """The faults that touch one attempt.

    Attributes:
        faults: By the aspect of the answer that they change.
        wait_ns: The delay that a limit sends, in nanoseconds; where a limit answers `instead`.
        quota: The provider's limits, for the answer's headers.
        drawn: A number in [0, 1) fixed by the attempt: where in its spread a delay lies.
    """

    faults: Mapping[Aspect, Window] = MappingProxyType({})
    wait_ns: int = 0
    quota: Quota = NO_QUOTA
    drawn: float = 0.5


NOTHING = Decision()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One provider's faults, and what they have counted so far.

    Attributes:
        provider: Its name.
        seed: The plan's.
        windows: Its fault windows that are decided for each attempt, in the order of the file.
        kinds: The kind of each of these windows: looked up once, not for each attempt.
        callers: Whose each request is, by its id; a request that is not in it is a caller of its own.
        orphans: How many attempts without a request came so far; only their number distinguishes them.
        met: How many attempts each `every` window has met so far.
        buckets: What is left of each `limit` window's quota.
    """

    provider: str
    seed: int
    windows: tuple[Window, ...]
    kinds: tuple[FaultKind, ...]
    callers: Mapping[str, str]
    orphans: int = 0
    met: Mapping[str, int] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)


def begin(
    provider: str, *, seed: int, windows: Iterable[Window], callers: Mapping[str, str] = MappingProxyType({})
) -> State:
    """Return a provider's first state. Faults of its port are Toxiproxy's and left out.

    Args:
        provider: Its name.
        seed: The plan's.
        windows: All fault windows.
        callers: Whose each request is, by its id, where that is drawn.
    """
    own = tuple(w for w in windows if w.at_provider and w.provider == provider and not w.on_port)
    kinds = tuple(window.inject.fault_kind for window in own)
    return State(provider=provider, seed=seed, windows=own, kinds=kinds, callers=callers)


def decide(state: State, attempt: Attempt) -> tuple[State, Decision]:
    """Return the next state, and the faults that touch this attempt.

    A window whose aspect an earlier one has taken does not meet the attempt: it counts in no `every`, and takes nothing
    from a limit.
    """
    key: tuple[str, int] = (attempt.request_id or "", attempt.nth)
    if attempt.request_id is None and state.windows:
        state = replace(state, orphans=state.orphans + 1)
        key = ("orphan", state.orphans)
    buckets = state.buckets
    faults: dict[Aspect, Window] = {}
    wait_ns, quota = 0, NO_QUOTA
    for window, kind in zip(state.windows, state.kinds, strict=True):
        if not window.start_ns <= attempt.at_ns < window.end_ns or kind.aspect in faults:
            continue
        if (kind.streams_only and not attempt.streaming) or not _chooses(state, window, attempt, key):
            continue
        if window.every is not None:
            met = state.met.get(window.fault_id, 0) + 1
            state = replace(state, met={**state.met, window.fault_id: met})
            if met % window.every:
                continue
        if window.inject.limit is not None:
            state, wait_ns, levels = _take(state, window, window.inject.limit, attempt)
            if wait_ns or quota is NO_QUOTA:  # the first limit's numbers are sent, unless another one refuses
                quota = levels
            if not wait_ns:
                continue
            # An attempt that is refused takes nothing from the limits that would have let it pass.
            state = replace(state, buckets={**buckets, window.fault_id: state.buckets[window.fault_id]})
        faults[kind.aspect] = window
    if not faults and quota is NO_QUOTA:
        return state, NOTHING
    return state, Decision(faults, wait_ns, quota, _spread(state, faults, key))


def _chooses(state: State, window: Window, attempt: Attempt, key: tuple[str, int | str]) -> bool:
    """Return whether an attempt is one of those that a window is for, `every` aside."""
    if window.models is not None and attempt.model not in window.models:
        return False
    if window.streaming is not None and attempt.streaming != window.streaming:
        return False
    if window.first is not None and attempt.request_id is not None and attempt.nth > window.first:
        return False
    if window.share_by == "caller" and attempt.request_id is not None:
        key = ("caller", state.callers.get(attempt.request_id, attempt.request_id))
    return window.share >= 1 or draw(state.seed, window.fault_id, state.provider, *key) < window.share


def _take(state: State, window: Window, quota: Limit, attempt: Attempt) -> tuple[State, int, Quota]:
    """Return the state with one attempt taken out of a limit, how long that has to wait, and the limit's numbers."""
    bucket = state.buckets.get(window.fault_id) or limit.full(quota, window.start_ns)
    bucket, wait_ns = limit.take(quota, bucket, at_ns=attempt.at_ns, tokens=attempt.tokens)
    state = replace(state, buckets={**state.buckets, window.fault_id: bucket})
    return state, wait_ns, limit.levels(quota, bucket)


def _spread(state: State, faults: Mapping[Aspect, Window], key: tuple[str, int]) -> float:
    window = faults.get("delay")
    if window is None or not window.inject.jitter:
        return NOTHING.drawn
    return draw(state.seed, "jitter", window.fault_id, state.provider, *key)
