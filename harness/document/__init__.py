"""What people write: YAML with its places, durations, rates, shares, and errors that point at the line."""

from harness.document.reading import Document, Place, field_name, parse, read
from harness.document.spelling import did_you_mean
from harness.document.units import (
    Allowance,
    AllowanceText,
    Duration,
    RateText,
    Share,
    duration_ns,
    duration_text,
    rate_per_s,
    share,
    share_text,
)
from harness.document.validating import IfMissing, field_error, validate

__all__ = [
    "Allowance",
    "AllowanceText",
    "Document",
    "Duration",
    "IfMissing",
    "Place",
    "RateText",
    "Share",
    "did_you_mean",
    "duration_ns",
    "duration_text",
    "field_error",
    "field_name",
    "parse",
    "rate_per_s",
    "read",
    "share",
    "share_text",
    "validate",
]
