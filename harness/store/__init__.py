"""The run folder: the only room with its file names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names
from harness.store.capture import Capture, EdgeAttempt, Foreign, Origin, Row, Sink, WorkerClock
from harness.store.files import read_json
from harness.store.files import written as replaced
from harness.store.format import decode, encode, shaped

if TYPE_CHECKING:
    from harness.store.comparison import ComparisonFolder
    from harness.store.folder import RunFolder, latest, nearest_reports
    from harness.store.replay import ReplayFolder
    from harness.store.suite import SuiteFolder
    from harness.store.tuning import TuningFolder

__all__ = [
    "Capture",
    "ComparisonFolder",
    "EdgeAttempt",
    "Foreign",
    "Origin",
    "ReplayFolder",
    "Row",
    "RunFolder",
    "Sink",
    "SuiteFolder",
    "TuningFolder",
    "WorkerClock",
    "decode",
    "encode",
    "latest",
    "nearest_reports",
    "read_json",
    "replaced",
    "shaped",
]


# The processes of a run only capture: they import no pandas.
__getattr__ = lazy_names(
    __name__,
    {
        "ComparisonFolder": "comparison",
        "ReplayFolder": "replay",
        "RunFolder": "folder",
        "SuiteFolder": "suite",
        "TuningFolder": "tuning",
        "latest": "folder",
        "nearest_reports": "folder",
    },
)
