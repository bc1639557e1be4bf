"""Plain data as JSON and back."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

FORMAT = 2
"""Written into every JSON and Parquet file of a run or suite. Format 1 knew no kinds of request."""
READABLE = frozenset({1, FORMAT})
"""The formats that this version reads."""


def encode(value: Any, *, pretty: bool = False) -> bytes:
    """Return dataclasses and plain data as JSON; NaN and infinity become null."""
    raw = msgspec.json.encode(value)
    return msgspec.json.format(raw, indent=2) if pretty else raw


def decode(raw: bytes, shape: type[T]) -> T:
    """Return JSON as `shape`.

    Raises:
        ValueError: The text is not JSON, or not of that shape.
    """
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.MsgspecError as error:  # a ValueError only from msgspec 0.21 on
        raise ValueError(str(error)) from error


def shaped(data: Any, shape: type[T]) -> T:
    """Return plain data, such as parsed JSON, as `shape`.

    Raises:
        ValueError: They are not of that shape.
    """
    try:
        return msgspec.convert(data, type=shape)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
