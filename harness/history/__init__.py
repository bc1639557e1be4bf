"""What happened in a run: requests, attempts, fault events and health, as columns."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.history.join import join
from harness.history.records import (
    AttemptOutcome,
    AttemptRecord,
    FaultEvent,
    HealthRecord,
    RequestOutcome,
    RequestRecord,
)

if TYPE_CHECKING:
    from harness.history.frames import History, as_records, frame

__all__ = [
    "AttemptOutcome",
    "AttemptRecord",
    "FaultEvent",
    "HealthRecord",
    "History",
    "RequestOutcome",
    "RequestRecord",
    "as_records",
    "frame",
    "join",
]


def __getattr__(name: str) -> Any:
    """Import what needs pandas when it is asked for: the processes of a run write records and never a column."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module("harness.history.frames"), name)
