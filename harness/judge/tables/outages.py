"""When a provider was broken on purpose, by the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.scenario import Plan


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch of time without a gap between its fault windows, in nanoseconds since the origin."""

    start_ns: int
    end_ns: int


def merged(plan: Plan, providers: Iterable[str], *, dead: bool = False) -> tuple[Outage, ...]:
    """Return when at least one of some providers was under a fault, windows that touch made one.

    Args:
        plan: The plan.
        providers: Their names.
        dead: Only the faults under which nothing can succeed.
    """
    outages: list[Outage] = []
    windows = [window for name in providers for window in plan.timeline.at(name) if not dead or window.kills]
    for window in sorted(windows, key=lambda window: window.start_ns):
        if outages and window.start_ns <= outages[-1].end_ns:
            last = outages.pop()
            outages.append(Outage(last.start_ns, max(last.end_ns, window.end_ns)))
        else:
            outages.append(Outage(window.start_ns, window.end_ns))
    return tuple(outages)
