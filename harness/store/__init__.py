"""The run folder: the only room that knows file names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.store.capture import Capture, EdgeAttempt, Foreign, Origin, Row, Sink
from harness.store.files import read_json
from harness.store.format import decode, encode, shaped

if TYPE_CHECKING:
    from harness.store.comparison import ComparisonFolder
    from harness.store.folder import RunFolder, latest
    from harness.store.suite import SuiteFolder

__all__ = [
    "Capture",
    "ComparisonFolder",
    "EdgeAttempt",
    "Foreign",
    "Origin",
    "Row",
    "RunFolder",
    "Sink",
    "SuiteFolder",
    "decode",
    "encode",
    "latest",
    "read_json",
    "shaped",
]


def __getattr__(name: str) -> Any:
    """Import what needs pandas and Parquet when it is asked for: the processes of a run only capture."""
    if name not in __all__:
        raise AttributeError(name)
    room = {"SuiteFolder": "suite", "ComparisonFolder": "comparison"}.get(name, "folder")
    return getattr(import_module(f"harness.store.{room}"), name)
