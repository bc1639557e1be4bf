"""Which fault touches an attempt: a pure step, one state per provider."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.draw import draw
from harness.scenario import Window
from harness.scenario.schema import WHOLE_PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a decision depends on.

    Attributes:
        at_ns: When the attempt begins, in nanoseconds since the run's origin.
        request_id: The request it belongs to; None for an orphan.
        nth: Its place among the request's attempts at this provider, counted from 1; 0 for an orphan.
    """

    at_ns: int
    request_id: str | None
    nth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known at one provider.

    Attributes:
        provider: Its name.
        seed: The plan's.
        windows: Its fault windows that are decided for each attempt, in the order of the file.
        orphans: How many attempts without a request came so far; they have nothing else to be told apart by.
    """

    provider: str
    seed: int
    windows: tuple[Window, ...]
    orphans: int = 0


def begin(provider: str, *, seed: int, windows: Iterable[Window]) -> State:
    """Return a provider's first state. Faults that hit its whole listener are Toxiproxy's and left out."""
    own = tuple(w for w in windows if w.provider == provider and w.inject.kind not in WHOLE_PROVIDER)
    return State(provider=provider, seed=seed, windows=own)


def decide(state: State, attempt: Attempt) -> tuple[State, Window | None]:
    """Return the next state, and the fault that changes this attempt: the first active one whose draw hits."""
    if not state.windows:
        return state, None
    key: tuple[str, int]
    if attempt.request_id is None:
        state = replace(state, orphans=state.orphans + 1)
        key = ("orphan", state.orphans)
    else:
        key = (attempt.request_id, attempt.nth)
    for window in state.windows:
        if window.start_ns <= attempt.at_ns < window.end_ns and (
            window.share >= 1 or draw(state.seed, window.fault_id, state.provider, *key) < window.share
        ):
            return state, window
    return state, None
