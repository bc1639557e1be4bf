"""Numbers and lists as people read them: three significant digits, a space before the unit, and more digits only where they matter.

A share is `100 %` or `0 %` only if it is exactly that. A value beside a limit has as many digits as show on which side of
the limit it lies. Whole numbers are never rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Unit = Literal["share", "ns", "ratio", "count", "per_s", "usd", "bytes"]
"""What a number counts: a part of a whole, nanoseconds, times as many, things, things per second, US dollars, bytes."""

MS = 10**6
"""Nanoseconds in a millisecond."""
S = 10**9
"""Nanoseconds in a second."""
DIGITS = 3
"""Significant digits of a number for people."""
_DIGITS_MAX = 15
"""Of a float64, as many are exact."""
MISSING = "–"
"""Stands for a value that there is not."""

_TIMES = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"))
_SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_MINUTES_FROM_NS = 119.5e9
_HOURS_FROM_NS = 7170e9


def amount(value: float | None, unit: str, *, limit: float | None = None) -> str:
    """Return a value with its unit: `97.9 %`, `8.14 s`, `2.35×`, `12,345`, `9.8/s`, `$0.012`, `389 MB`.

    Args:
        value: In `unit`; None or NaN is a dash.
        unit: One of Unit.
        limit: What the value is held against: enough digits are written to show whether it is more or less.
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    for digits in range(DIGITS, _DIGITS_MAX):
        text, shown = _written(value, unit, digits)
        if limit is None or _side(shown, limit) == _side(value, limit):
            return text
    return _written(value, unit, _DIGITS_MAX)[0]


def exact(value: float, unit: str) -> str:
    """Return a value that somebody chose, such as a limit, with all its digits."""
    return _written(value, unit, 12)[0] if math.isfinite(value) else amount(value, unit)


def duration(ns: float) -> str:
    """Return a time in nanoseconds: `8.02 s`, `120 ms`, `2 min 5 s`."""
    return amount(ns, "ns")


def count(number: float) -> str:
    """Return a number of things: `12,345`."""
    return amount(number, "count")


def share(part: float) -> str:
    """Return a part of a whole as a percentage: `98.6 %`."""
    return amount(part, "share")


def interval(ends: Sequence[float | None] | None, unit: str, *, limit: float | None = None) -> str:
    """Return an interval as `7.6 s – 8.3 s`; an open end is `?`; empty where there is none, or where it has no width.

    Args:
        ends: Both, in `unit`.
        unit: One of Unit.
        limit: What both are held against, as in `amount`.
    """
    if ends is None or ends[0] == ends[1] is not None:
        return ""
    if all(end is None or math.isinf(end) for end in ends):
        return "too few to tell"
    low, high = ("?" if end is None or math.isinf(end) else amount(end, unit, limit=limit) for end in ends)
    return f"{low} – {high}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return `1 caller`, `2 callers`, `no caller`."""
    if number == 0:
        return f"no {one}"
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(parts: Sequence[str], *, most: int | None = None) -> str:
    """Return `a, b and c`; `a, b, … (12 in all)` where there are more than `most`."""
    if most is not None and len(parts) > most:
        return f"{', '.join(parts[:most])}, … ({count(len(parts))} in all)"
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _side(value: float, limit: float) -> int:
    """Return -1, 0 or 1: a value is below a limit, at it or above it, the rounding of its last bits aside."""
    return 0 if math.isclose(value, limit, rel_tol=1e-12) else 1 if value > limit else -1


def _written(value: float, unit: str, digits: int) -> tuple[str, float]:
    """Return a finite value as text, and the number that the text gives."""
    if unit == "ns":
        return _time(value, digits)
    if unit == "bytes":
        return _scaled(value, digits, _SIZES)
    if unit == "share":
        text, shown = _number(100 * value, digits)
        while shown in (0.0, 100.0) and shown != 100 * value and digits < _DIGITS_MAX:
            digits += 1
            text, shown = _number(100 * value, digits)
        return f"{text} %", shown / 100
    text, shown = _number(value, digits)
    if unit == "usd":
        return (f"-${text[1:]}" if text.startswith("-") else f"${text}"), shown
    return {"ratio": f"{text}×", "per_s": f"{text}/s"}.get(unit, text), shown


def _time(ns: float, digits: int) -> tuple[str, float]:
    if digits == DIGITS and abs(ns) >= _MINUTES_FROM_NS:
        sign, size = "-" if ns < 0 else "", abs(ns)
        large, small, unit_ns = ("h", "min", 60e9) if size >= _HOURS_FROM_NS else ("min", "s", 1e9)
        whole, rest = divmod(round(size / unit_ns), 60)
        text = f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"
        return sign + text, math.copysign((60 * whole + rest) * unit_ns, ns)
    text, shown = _scaled(ns, digits, _TIMES)
    return (text if shown else "0 s"), shown


def _scaled(value: float, digits: int, units: Sequence[tuple[float, str]]) -> tuple[str, float]:
    """Return a value in the largest of some units that it has at least one of, else in the smallest."""
    for size, unit in units:
        text, shown = _number(value / size, digits)
        if abs(shown) >= 1 or size == units[-1][0]:
            return f"{text} {unit}", shown * size
    raise AssertionError("there is no unit")


def _number(value: float, digits: int) -> tuple[str, float]:
    """Return a number with so many significant digits, all of those before the point, and no zeros at its end."""
    before = math.floor(math.log10(abs(value))) + 1 if value else 1
    text = f"{value:,.{max(0, digits - before)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return (text, float(text.replace(",", ""))) if float(text.replace(",", "")) else ("0", 0.0)
