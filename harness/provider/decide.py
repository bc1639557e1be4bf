"""Which faults touch an attempt: a pure step, one state per provider.

Faults compose. Each concerns one side of an answer, and of those that concern the same side the first in the file that
hits wins: what answers in the provider's place, what withholds the headers, how fast the tokens come, what becomes of the
body. So a delay holds up an error too, while an error leaves no body to cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, NamedTuple

from harness.draw import draw
from harness.provider import limit
from harness.provider.limit import Bucket, Quota
from harness.scenario import Window
from harness.scenario.schema import WHOLE_PROVIDER

Side = Literal["instead", "body", "pace", "delay"]
"""What answers in the provider's place, what becomes of the body, how fast the tokens come, what withholds the headers."""

_NO_QUOTA = Quota()


class Attempt(NamedTuple):
    """What a decision depends on.

    Attributes:
        at_ns: When the attempt begins, in nanoseconds since the run's origin.
        request_id: The request it belongs to; None for an orphan.
        nth: Its place among the request's attempts at this provider, counted from 1; 0 for an orphan.
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
        faults: By the side of the answer that they concern.
        wait_ns: How long a limit tells to wait, in nanoseconds; where it is what answers `instead`.
        quota: What the answer tells about the provider's limits.
        drawn: A number in [0, 1) fixed by the attempt, for what a fault leaves to chance.
    """

    faults: Mapping[Side, Window] = MappingProxyType({})
    wait_ns: int = 0
    quota: Quota = _NO_QUOTA
    drawn: float = 0.5


NOTHING = Decision()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known at one provider.

    Attributes:
        provider: Its name.
        seed: The plan's.
        windows: Its fault windows that are decided for each attempt, in the order of the file.
        orphans: How many attempts without a request came so far; they have nothing else to be told apart by.
        met: How many attempts each `every` window has met so far.
        buckets: What is left of each `limit` window's quota.
    """

    provider: str
    seed: int
    windows: tuple[Window, ...]
    orphans: int = 0
    met: Mapping[str, int] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)


def begin(provider: str, *, seed: int, windows: Iterable[Window]) -> State:
    """Return a provider's first state. Faults that hit its whole listener are Toxiproxy's and left out."""
    own = tuple(w for w in windows if w.provider == provider and w.inject.kind not in WHOLE_PROVIDER)
    return State(provider=provider, seed=seed, windows=own)


def decide(state: State, attempt: Attempt) -> tuple[State, Decision]:
    """Return the next state, and the faults that touch this attempt."""
    active = [window for window in state.windows if window.start_ns <= attempt.at_ns < window.end_ns]
    if attempt.request_id is not None:
        key = (attempt.request_id, attempt.nth)
    else:
        key = ("orphan", state.orphans)
        if state.windows:
            state = replace(state, orphans=state.orphans + 1)
    if not active:
        return state, NOTHING
    drawn = draw(state.seed, "attempt", state.provider, *key)
    faults: dict[Side, Window] = {}
    decision = Decision(faults, drawn=drawn)
    for window in active:
        side = _side(window)
        if side in faults:
            continue
        state, hit = _hits(state, window, attempt, key)
        if not hit:
            continue
        if window.inject.limit is not None:
            state, decision = _limited(state, window, attempt, decision)
            if not decision.wait_ns:
                continue
        faults[side] = window
    return state, decision


def _side(window: Window) -> Side:
    kind = window.inject.kind
    if kind == "delay":
        return "delay"
    if kind == "pace":
        return "pace"
    return "body" if kind.startswith("stream_") else "instead"


def _hits(state: State, window: Window, attempt: Attempt, key: tuple[str, int]) -> tuple[State, bool]:
    if window.models is not None and attempt.model not in window.models:
        return state, False
    if window.streaming is not None and attempt.streaming != window.streaming:
        return state, False
    if window.first is not None and attempt.nth > window.first:
        return state, False
    if window.share < 1 and draw(state.seed, window.fault_id, state.provider, *key) >= window.share:
        return state, False
    if window.every is None:
        return state, True
    met = state.met.get(window.fault_id, 0) + 1
    return replace(state, met={**state.met, window.fault_id: met}), met % window.every == 0


def _limited(state: State, window: Window, attempt: Attempt, decision: Decision) -> tuple[State, Decision]:
    quota = window.inject.limit
    assert quota is not None
    before = state.buckets.get(window.fault_id) or limit.full(quota, window.start_ns)
    bucket, wait_ns = limit.take(quota, before, at_ns=attempt.at_ns, tokens=attempt.tokens)
    state = replace(state, buckets={**state.buckets, window.fault_id: bucket})
    if decision.quota is _NO_QUOTA:
        decision = decision._replace(quota=limit.told(quota, bucket))
    return state, decision._replace(wait_ns=wait_ns)
