"""What happened in a run: requests, attempts, fault events, health and readiness, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.history.join import join
from harness.history.records import (
    AttemptOutcome,
    AttemptRecord,
    FaultEvent,
    HealthRecord,
    ProviderState,
    ReadyRecord,
    RequestOutcome,
    RequestRecord,
    SpendRecord,
)
from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.history.frames import History, as_records, frame

__all__ = [
    "AttemptOutcome",
    "AttemptRecord",
    "FaultEvent",
    "HealthRecord",
    "History",
    "ProviderState",
    "ReadyRecord",
    "RequestOutcome",
    "RequestRecord",
    "SpendRecord",
    "as_records",
    "frame",
    "join",
]


# The processes of a run write records and never a column: they import no pandas.
__getattr__ = lazy_names(__name__, dict.fromkeys(("History", "as_records", "frame"), "frames"))
