"""A message between processes as a line of JSON: `{"NAME": {FIELDS}}`."""

from __future__ import annotations

import re
from typing import Any, TypeVar, overload

from harness.store import decode, encode

A = TypeVar("A")
B = TypeVar("B")

LINE_BYTES_MAX = 64 * 2**20
"""The longest line: the start message of the load holds every arrival."""
_NAME = re.compile(rb'\{"([A-Z][A-Za-z]+)":')


def write(message: object) -> bytes:
    """Return a message as a line."""
    return encode({type(message).__name__: message}) + b"\n"


def is_message(line: bytes) -> bool:
    """Return whether a line looks like a message; a library may print other lines."""
    return _NAME.match(line) is not None


@overload
def read(line: bytes, shape: type[A], /) -> A: ...
@overload
def read(line: bytes, shape: type[A], other: type[B], /) -> A | B: ...
@overload
def read(line: bytes, *shapes: type[Any]) -> Any: ...
def read(line: bytes, *shapes: type[Any]) -> Any:
    """Return the message in a line.

    Args:
        line: With or without its line feed.
        shapes: The messages that may come now.

    Raises:
        ValueError: It is none of them.
    """
    found = _NAME.match(line)
    name = found[1].decode() if found else ""
    for shape in shapes:
        if shape.__name__ == name:
            return decode(line, dict[str, shape])[name]  # type: ignore[valid-type]
    msg = f"expected {' or '.join(shape.__name__ for shape in shapes)}, got {name or line[:80]!r}"
    raise ValueError(msg)
