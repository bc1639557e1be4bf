"""Plain data as YAML text that YAML 1.1 and YAML 1.2 read alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_PLAIN = re.compile(
    r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z][\w./\-]*(?::[\w./\-]+)*", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a file indents its blocks, in columns.

    Attributes:
        step: From a key to the keys below it.
        dash: From a key to the dashes of a list below it.
    """

    step: int = 2
    dash: int = 2


def scalar(value: str | float | bool | None, quote: str | None = None) -> str:
    """Return a text, number, truth value or None as it is written.

    Args:
        value: What it is.
        quote: The quotation mark for a text; one is chosen where it is needed if None.
    """
    if isinstance(value, str):
        if quote == "'" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        if quote is None and _PLAIN.fullmatch(value):
            return value
        text = json.dumps(value, ensure_ascii=False)
        return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if value == int(value):
        return str(int(value))
    return f"{Decimal(repr(value)):f}"


def flow(value: Any) -> str:
    """Return data on one line: `[a, {b: c}]`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def block(value: Any, style: Style) -> list[str]:
    """Return a mapping or a list as lines without indentation of their own."""
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in entry(key, item, style)]
    return [line for item in value for line in list_item(item, style)]


def entry(key: str, value: Any, style: Style) -> list[str]:
    """Return a key and its value as lines."""
    if _on_one_line(value):
        return [f"{scalar(key)}: {flow(value)}"]
    indent = " " * (style.step if isinstance(value, Mapping) else style.dash)
    return [f"{scalar(key)}:", *(indent + line for line in block(value, style))]


def list_item(value: Any, style: Style, width: int = 2) -> list[str]:
    """Return an item of a list as lines; `width` is that of the dash and the spaces after it."""
    lines = [flow(value)] if _on_one_line(value) else block(value, style)
    return [("-" if number == 0 else "").ljust(width) + line for number, line in enumerate(lines)]


def _on_one_line(value: Any) -> bool:
    """Return whether data is easiest to read on one line: a scalar, nothing, or a list of scalars."""
    if isinstance(value, Mapping):
        return not value
    return (
        not isinstance(value, Sequence)
        or isinstance(value, str)
        or not any(isinstance(item, Mapping | list | tuple) for item in value)
    )
