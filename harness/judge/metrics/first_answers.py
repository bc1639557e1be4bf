"""What the two metrics share of which a run has one observation: the first answer after a fault begins, or ends.

Where a mix has several first providers, the one that took longest counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.metrics.kinds import Observations, SingleObservation

if TYPE_CHECKING:
    from harness.judge.metrics.scope import Scope
    from harness.judge.run_data import RunData
    from harness.judge.tables.columns import Bools
    from harness.judge.tables.outages import Outage

OfOutages = Callable[[tuple[str, ...], list["Outage"], "Bools"], SingleObservation]
"""Observes a first provider and its peers, given their names, their outages, and the requests that should try them first."""


def longest(scope: Scope, observe: OfOutages, *, of_each: bool) -> SingleObservation:
    """Return the longest of what was observed of each first provider that had a fault in the phase.

    Args:
        scope: The part of the run.
        observe: Observes one first provider.
        of_each: Without an observation of one there is none of all, unless that of another never came; else it is left out.
    """
    found = [
        observe(names, touched, among) for names, among in scope.by_first if (touched := _outages_in(scope, names))
    ]
    if not found:
        where = f" in {scope.phase.name}" if scope.phase else ""
        return SingleObservation.none(f"no fault at {first_names(scope)}{where}")
    never = [each for each in found if each.never]
    if never:
        return max(never, key=lambda each: each.looked_ns)
    without = [each for each in found if not len(each.observed)]
    if without and (of_each or len(without) == len(found)):
        return without[0]
    return max((each for each in found if len(each.observed)), key=lambda each: float(each.observed.least[0]))


def _outages_in(scope: Scope, names: tuple[str, ...]) -> list[Outage]:
    """Return the outages of a first provider that touch a phase: one that ends where the phase begins does."""
    phase, outages = scope.phase, scope.run.outages[scope.run.columns.orders.firsts.index(names)]
    if phase is None:
        return list(outages)
    return [each for each in outages if each.start_ns < phase.end_ns and each.end_ns >= phase.start_ns]


def first_names(scope: Scope) -> str:
    """Return the names of the first providers and their peers."""
    return " or ".join(dict.fromkeys(name for names, _ in scope.by_first for name in names))


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
