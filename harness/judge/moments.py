"""The two numbers that a run has only one of: when a fallback first served, when the first provider was back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools
from harness.judge.tables.outages import Outage
from harness.scenario import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One observation.

    Attributes:
        value_ns: How long it took; infinite if it never came to pass, None if it could not have.
        request: Place of the request that showed it; -1 if none did.
        why: Why there is no finite value.
        looked_ns: How long the run went on to see it; infinite where it was seen, or could not have been.
    """

    value_ns: float | None
    request: int = -1
    why: str = ""
    looked_ns: float = math.inf


def time_to_fallback(run: RunData, phase: Phase | None) -> Moment:
    """Return how long after the first provider's fault began a caller first had a whole answer from another provider.

    Of several faults the first one counts.
    """
    outage = next(iter(_outages(run, phase)), None)
    if outage is None:
        return Moment(value_ns=None, why=_no_fault(run, phase))
    requests, journeys = run.columns.requests, run.journeys
    shown = (
        requests.complete
        & (journeys.served_by >= 0)
        & ~run.columns.at_first(journeys.served_by)
        & (requests.end_ns >= outage.start_ns)
    )
    if shown.any():
        return _first(run, shown, outage.start_ns)
    hit = journeys.exposed & (requests.scheduled_ns < outage.end_ns)
    if (hit & ~requests.complete).any():
        return Moment(value_ns=math.inf, why="requests failed, and no fallback ever served one")
    return Moment(value_ns=None, why="no request needed a fallback")


def time_to_recover(run: RunData, phase: Phase | None) -> Moment:
    """Return how long after the first provider's fault ended it first served again: a whole answer, begun after it.

    Of several faults the last one counts. If it never did, that is not always a fail: a limit that is longer than
    the run went on after the fault cannot be judged.
    """
    outage = next(reversed(_outages(run, phase)), None)
    if outage is None:
        return Moment(value_ns=None, why=_no_fault(run, phase))
    requests, journeys = run.columns.requests, run.journeys
    won_ns = np.where(
        journeys.winner >= 0, np.append(run.columns.attempts.start_ns, math.nan)[journeys.winner], math.nan
    )
    shown = requests.complete & run.columns.at_first(journeys.served_by) & (won_ns >= outage.end_ns)
    if shown.any():
        return _first(run, shown, outage.end_ns)
    if not (requests.sent & (requests.scheduled_ns >= outage.end_ns)).any():
        return Moment(value_ns=None, why=f"no request came after the fault at {_first_names(run)} ended")
    looked_ns = float(run.end_ns - outage.end_ns)
    return Moment(value_ns=math.inf, why=f"{_first_names(run)} never served again", looked_ns=looked_ns)


def _outages(run: RunData, phase: Phase | None) -> list[Outage]:
    """Return the first provider's outages that touch a phase: one that ends where the phase begins does."""
    if phase is None:
        return list(run.outages)
    return [outage for outage in run.outages if outage.start_ns < phase.end_ns and outage.end_ns >= phase.start_ns]


def _no_fault(run: RunData, phase: Phase | None) -> str:
    where = f" in {phase.name}" if phase else ""
    return f"no fault at {_first_names(run)}{where}"


def _first_names(run: RunData) -> str:
    return " or ".join(run.columns.first)


def _first(run: RunData, shown: Bools, from_ns: int) -> Moment:
    ends_ns = np.where(shown, run.columns.requests.end_ns, math.inf)
    request = int(ends_ns.argmin())
    return Moment(value_ns=float(ends_ns[request]) - from_ns, request=request)
