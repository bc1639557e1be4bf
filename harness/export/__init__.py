"""A finished run for other programs: tables and traces."""

from enum import StrEnum


class ExportFormat(StrEnum):
    """How a run is written."""

    CSV = "csv"
    JSONL = "jsonl"
    OTLP = "otlp"
