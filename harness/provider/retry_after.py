"""The delay in an answer's headers, as an official client reads it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from email.utils import parsedate_to_datetime

_MS_MAX = 7 * 24 * 3600 * 1000


def read(headers: Iterable[tuple[str, str]], wall_ns: int) -> int | None:
    """Return the delay in nanoseconds; None if there is none, or if the header holds no delay.

    Args:
        headers: Names in any case.
        wall_ns: What time it is, in nanoseconds since 1970.
    """
    fields = {name.lower(): value.strip() for name, value in headers}
    ms = _number(fields.get("retry-after-ms", ""))
    if ms is None:
        seconds = _number(fields.get("retry-after", ""))
        ms = None if seconds is None else seconds * 1000
    if ms is not None:
        return round(min(ms, _MS_MAX) * 1e6)
    try:
        at = parsedate_to_datetime(fields.get("retry-after", "")).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0, int(at) * 10**9 - wall_ns)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value >= 0 and not math.isnan(value) else None
