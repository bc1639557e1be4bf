"""What happened in a run: requests, attempts, fault events and health, as columns."""

from harness.history.frames import History, frame, records
from harness.history.join import join
from harness.history.records import (
    AttemptOutcome,
    AttemptRecord,
    FaultEvent,
    HealthRecord,
    RequestOutcome,
    RequestRecord,
)

__all__ = [
    "AttemptOutcome",
    "AttemptRecord",
    "FaultEvent",
    "HealthRecord",
    "History",
    "RequestOutcome",
    "RequestRecord",
    "frame",
    "join",
    "records",
]
