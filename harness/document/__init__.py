"""What people write: YAML with its places, durations, rates, shares, sizes, and errors that point at the line.

A chain's own interpreter imports `marks`, `places`, `spelling` and `units`; whatever needs pydantic or a YAML library is
imported when it is asked for.
"""

from typing import TYPE_CHECKING

from harness.document.marks import IfMissing, field_error
from harness.document.places import Place, field_name
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
    size_bytes,
)
from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.document.reading import Document, parse, read
    from harness.document.validating import validate

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
    "size_bytes",
    "validate",
]

__getattr__ = lazy_names(
    __name__, {"Document": "reading", "parse": "reading", "read": "reading", "validate": "validating"}
)
