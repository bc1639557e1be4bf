"""How much memory the chain's process needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.history.records import GATEWAY
from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope, within
from harness.judge.remedies import Remedy
from harness.judge.stalls import is_chain
from harness.judge.tables.columns import floats

if TYPE_CHECKING:
    from harness.judge.run_data import RunData
    from harness.scenario import Phase

_NOTHING = (
    "the memory of the chain's process was not measured: the run was in virtual time or did not start it, or the system "
    "has no /proc"
)


def largest_by_process(run: RunData, phase: Phase | None) -> dict[str, float]:
    """Return the most memory that each process was recorded with, in bytes; none of those that have no such record."""
    health = run.columns.history.health
    measured = health[within(health["at_ns"].to_numpy(np.float64), phase)].dropna(subset="resident_bytes")
    groups = measured.groupby("process")["resident_bytes"]
    return {str(process): float(floats(values).max()) for process, values in groups}


def _measure(scope: Scope) -> Count:
    by_process = largest_by_process(scope.run, scope.phase)
    found = [most for process, most in by_process.items() if process == GATEWAY or is_chain(process)]
    return Count(value=max(found, default=0.0), samples=len(found), nothing=_NOTHING)


MEMORY_MAX = Metric(
    name="memory_max",
    label="memory of the chain's process",
    meaning=(
        "The most resident memory of the chain's process, where it is several the largest one's: of a gateway that the run "
        "starts, else of the process that hosts the chain, with the harness's recorder in it. Live runs only. "
        "`memory_max <= 512 MB` (millions of bytes; `MiB` for 2^20)."
    ),
    unit="bytes",
    kind=Count,
    measure=_measure,
    groups=("phase",),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="caller",
    across=False,
    remedy=Remedy("Bound what the process keeps: caches, logged bodies, idle connections; or run fewer workers."),
    shown=(),
)
