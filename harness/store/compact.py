"""What the parts captured, put together into one history."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from harness.history import FaultEvent, HealthRecord, History, ProviderState, RequestRecord
from harness.history.assemble import assemble
from harness.history.records import Aborted, ChainAttempt, ReadyRecord, SpendRecord
from harness.scenario import Plan
from harness.store.capture import EdgeAttempt, Foreign, Origin, Row, WorkerClock, files, rows

R = TypeVar("R")

WORKER = "worker-"
"""With this begin the names of the files of a load's workers."""

_TIMES = (
    "scheduled_ns",
    "start_ns",
    "first_token_ns",
    "first_byte_ns",
    "end_ns",
    "applied_ns",
    "reverted_ns",
    "at_ns",
    "flushed_ns",
)


def compact(capture: Path, plan: Plan, *, complete: bool) -> History:
    """Return the history of the rows in a capture folder, in nanoseconds since the run's origin.

    Args:
        capture: Folder of the parts' files.
        plan: What the run was to do.
        complete: Every part of the run ended as planned.
    """
    found: defaultdict[type, list[Any]] = defaultdict(list)
    of_workers: dict[str, list[Row]] = {}
    for path in files(capture):
        if path.stem.startswith(WORKER):
            of_workers[path.stem] = list(rows(path))
        else:
            for row in rows(path):
                found[type(row)].append(row)
    clocks = {clock.worker: clock for clock in found[WorkerClock]}
    for name, captured in of_workers.items():
        offset_ns = clocks[name].offset_ns if name in clocks else 0
        for row in captured:
            found[type(row)].append(_of_worker(row, name, offset_ns))
    origin = _origin(found)
    return assemble(
        plan.digest,
        requests=[_shift(row, origin) for row in found[RequestRecord]],
        edge=[(row.key, _shift(row.attempt, origin)) for row in found[EdgeAttempt]],
        chain=[_shift(row, origin) for row in found[ChainAttempt]],
        faults=[_shift(row, origin) for row in found[FaultEvent]],
        listeners=plan.timeline.listeners,
        ending=plan.timeline.ending,
        health=[_shift(row, origin) for row in found[HealthRecord]],
        states=[_shift(row, origin) for row in found[ProviderState]],
        ready=[_shift(row, origin) for row in found[ReadyRecord]],
        spend=[_shift(row, origin) for row in found[SpendRecord]],
        foreign=len(found[Foreign]),
        unseen=not plan.facts.sees_attempts,
        cache="cache" in plan.chain.answers,
        complete=complete,
        clocks_unsure_ns=max((clock.unsure_ns for clock in clocks.values()), default=0),
        aborted=next((_shift(row, origin) for row in found[Aborted]), None),
    )


def _of_worker(row: Row, name: str, offset_ns: int) -> Row:
    """Return a row of a worker of the load, by the clock of the other processes."""
    row = _shift(row, offset_ns) if offset_ns else row
    return replace(row, worker=name) if isinstance(row, RequestRecord) else row


def _origin(found: dict[type, list[Any]]) -> int:
    """Return the run's origin; where it never began, a time after every row, so that all of them are warm-up."""
    if found[Origin]:
        return int(found[Origin][0].at_ns)
    times = [row.at_ns for row in found[HealthRecord]] + [row.start_ns for row in found[EdgeAttempt]]
    return max(times, default=0) + 10**9


def _shift(row: R, origin: int) -> R:
    moved = {name: at - origin for name in _TIMES if (at := getattr(row, name, None)) is not None}
    return replace(row, **moved)  # type: ignore[type-var]
