"""What the two metrics share of which a run has one observation: the first answer after a fault begins, or ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.metrics.kinds import Observations, SingleObservation

if TYPE_CHECKING:
    from harness.judge.metrics.scope import Scope
    from harness.judge.run_data import RunData
    from harness.judge.tables.columns import Bools
    from harness.judge.tables.outages import Outage


def outages_in(scope: Scope) -> list[Outage]:
    """Return the first provider's outages that touch a phase: one that ends where the phase begins does."""
    phase = scope.phase
    if phase is None:
        return list(scope.run.outages)
    return [each for each in scope.run.outages if each.start_ns < phase.end_ns and each.end_ns >= phase.start_ns]


def no_fault(scope: Scope) -> SingleObservation:
    """Return that the first provider had no fault there."""
    where = f" in {scope.phase.name}" if scope.phase else ""
    return SingleObservation.none(f"no fault at {first_names(scope.run)}{where}")


def first_names(run: RunData) -> str:
    """Return the names of the primary and its peers."""
    return " or ".join(run.columns.first)


def first_of(run: RunData, shown: Bools, from_ns: int) -> SingleObservation:
    """Return when the first of some requests ended, counted from a moment."""
    ends_ns = np.where(shown, run.columns.requests.end_ns, math.inf)
    request = np.array([int(ends_ns.argmin())])
    observed = Observations.of(
        np.ones(1, dtype=bool),
        request=request,
        from_ns=np.array([float(from_ns)]),
        to_ns=ends_ns[request],
        nothing="",
    )
    return SingleObservation(observed=observed)
