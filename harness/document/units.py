"""Durations, rates, shares, sizes and allowances as people write them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated

from harness.document.marks import BeforeValidator, PlainSerializer, WithJsonSchema, field_error

_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ns|us|ms|s|min|m|h)")
_RATE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*/\s*(?P<unit>s|min|m|h)")
_ALLOWANCE = re.compile(r"(?P<number>[1-9]\d{0,11})\s*/\s*(?P<unit>s|min|m|h)")
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(rf"(?P<number>\d{{1,15}}(?:\.\d{{1,9}})?)\s*(?P<unit>{'|'.join(_SIZES)})")
_SHARE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*%")
_DAYS_MAX, _DAYS_OF_INCIDENTS_MAX = 7, 60
_RATE_MIN, _RATE_MAX = 1e-6, 1e6  # one in eleven days is less than any run can show


def duration_ns(value: object) -> int:
    """Return a duration such as `20s` or `500ms` in nanoseconds."""
    return _duration_ns(value, _DAYS_MAX)


def _long_duration_ns(value: object) -> int:  # pydantic before 2.8 takes no second argument, with a default or not
    return _duration_ns(value, _DAYS_OF_INCIDENTS_MAX)


def _duration_ns(value: object, days_max: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return 0
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        hint = f"write {value}s for seconds" if isinstance(value, int | float) and not isinstance(value, bool) else None
        raise field_error("expected a duration", known="500ms, 20s, 5m, 1h", hint=hint)
    ns = float(match["number"]) * _NS[match["unit"]]
    if ns > days_max * 24 * _NS["h"]:  # also infinity, which many digits are
        raise field_error(f"expected a duration of at most {days_max} days")
    return round(ns)


def rate_per_s(value: object) -> float:
    """Return a rate such as `10/s` or `60/min` in events per second."""
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        hint = f"write {value}/s for events per second" if isinstance(value, int | float) else None
        raise field_error("expected a rate", known="10/s, 60/min", hint=hint)
    rate = float(match["number"]) / (_NS[match["unit"]] / 10**9)
    if not _RATE_MIN <= rate <= _RATE_MAX:
        raise field_error("expected a rate from 0.000001/s to 1000000/s")
    return rate


@dataclass(frozen=True, slots=True)
class Allowance:
    """An amount per time: the size of a bucket, and the time in which an empty bucket is full again.

    Attributes:
        amount: How many.
        per_ns: The time, in nanoseconds.
    """

    amount: int
    per_ns: int

    def __str__(self) -> str:
        units = {10**9: "s", 60 * 10**9: "min", 3600 * 10**9: "h"}
        return f"{self.amount}/{units[self.per_ns]}"


def allowance(value: object) -> Allowance:
    """Return an allowance such as `60/min`."""
    match = _ALLOWANCE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise field_error("expected a whole number per time", known="60/min, 10/s, 90000/h")
    return Allowance(int(match["number"]), _NS[match["unit"]])


def share(value: object) -> float:
    """Return a share such as `30%` as a number from 0 to 1."""
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match["number"]) > 100:
        raise field_error("expected a share from 0% to 100%", known="30%, 99.9%", hint="a share ends in %")
    return float(match["number"]) / 100


def size_bytes(value: object) -> int:
    """Return a size such as `512 MB` (millions of bytes) or `512 MiB` (2^20 each) in bytes."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise field_error("expected a size", known=f"512 MB; units are {', '.join(_SIZES)}")
    return round(float(match["number"]) * _SIZES[match["unit"]])


def duration_text(ns: int) -> str:
    """Return nanoseconds as people write a duration, exactly."""
    for unit in ("h", "s", "ms", "us"):  # minutes as seconds: 90s is 1.5 minutes
        if ns and ns % _NS[unit] == 0:
            return f"{ns // _NS[unit]}{unit}"
        if unit == "s" and ns >= _NS["s"] and ns % 10**6 == 0:
            return f"{ns / 10**9:g}s"
    return f"{ns}ns" if ns else "0s"


def share_text(part: float) -> str:
    """Return a share as people write it."""
    return f"{_number_text(part * 100)}%"


def _number_text(value: float) -> str:
    return str(round(value)) if math.isclose(value, round(value)) else repr(round(value, 10))


def _allowance_text(value: Allowance) -> str:  # pydantic before 2.8 takes no class for a function
    return str(value)


_DURATION_SCHEMA = {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ns|us|ms|s|min|m|h)$", "examples": ["500ms", "20s"]}
Duration = Annotated[
    int, BeforeValidator(duration_ns), PlainSerializer(duration_text), WithJsonSchema(_DURATION_SCHEMA)
]
LongDuration = Annotated[
    int,
    BeforeValidator(_long_duration_ns),
    PlainSerializer(duration_text),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""Of an incident: what lasts longer is a change of the service."""
RateText = Annotated[
    float,
    BeforeValidator(rate_per_s),
    PlainSerializer(lambda rate: f"{_number_text(rate)}/s"),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*/\s*(s|min|m|h)$", "examples": ["10/s", "60/min"]}),
]
Share = Annotated[
    float,
    BeforeValidator(share),
    PlainSerializer(share_text),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$", "examples": ["30%", "99.9%"]}),
]
AllowanceText = Annotated[
    Allowance,
    BeforeValidator(allowance),
    PlainSerializer(_allowance_text),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9]\d*\s*/\s*(s|min|m|h)$", "examples": ["60/min", "10000/min"]}),
]
