"""When the reference chain asks which provider: its own machine, played with the least and the most that it can draw."""

from __future__ import annotations

from harness.chain.reference.actions import Action, Failure, Result, SendAttempt, WaitUntil
from harness.chain.reference.classify import failure as classified
from harness.chain.reference.machine import RequestMachine, Shared
from harness.chain.schedule import DRAWS, FAILURES, Band, PlannedAttempt, Schedule, merged
from harness.chain.spec import Chain


class _AtOneEnd(RequestMachine):
    """A request all of whose draws are the same."""

    __slots__ = ("drawn",)
    drawn: float

    def _draw(self, _purpose: str) -> float:
        return self.drawn


def schedules(chain: Chain) -> tuple[Schedule, ...]:
    """Return what a request does that meets the same failure at every provider, while nobody else is served."""
    return merged({failure: _played(chain, failure) for failure in FAILURES})


def _played(chain: Chain, failure: str) -> tuple[tuple[PlannedAttempt, ...], Band]:
    (low, _), (high, end) = (
        _attempts(chain, _result_of(failure), drawn, lasts=failure == "timeout") for drawn in DRAWS
    )
    steps = tuple(
        PlannedAttempt((provider,), Band(least, most), timeout_ns)
        for (provider, least, _), (_, most, timeout_ns) in zip(low, high, strict=False)
    )
    return steps, Band(end, end)


def _attempts(chain: Chain, met: Result, drawn: float, *, lasts: bool) -> tuple[list[tuple[str, int, int]], int]:
    """Return each attempt's provider, the wait before it and its timeout, in nanoseconds; and the wait after the last.

    Args:
        chain: The chain.
        met: What every attempt meets.
        drawn: What every draw returns.
        lasts: An attempt lasts until its timeout; else it fails at once.
    """
    machine = _AtOneEnd(Shared(chain), name="", start_ns=0)
    machine.drawn = drawn
    now_ns = ended_ns = 0
    found: list[tuple[str, int, int]] = []
    action: Action = machine.step(0)
    while True:
        if isinstance(action, SendAttempt):
            found.append((action.provider, now_ns - ended_ns, action.timeout_ns))
            now_ns += action.timeout_ns if lasts else 0
            ended_ns = now_ns
            action = machine.step(now_ns, met._replace(attempt=action.attempt))
        elif isinstance(action, WaitUntil):
            now_ns = action.until_ns
            action = machine.step(now_ns)
        else:
            return found, now_ns - ended_ns


def _result_of(failure: str) -> Result:
    kind: Failure = "content_policy" if failure == "content_filter" else "timeout"
    if failure.isdecimal():
        return Result(0, failure=classified(int(failure), None), status=int(failure))
    return Result(0, failure=kind)
