"""Fields of a status page's JSON, each of the type that it must have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harness.incident.imports.story import Unusable

_YEARS = range(2000, 2200)
JsonItem = Mapping[str, Any]


def item(value: object, name: str) -> JsonItem:
    """Return a mapping."""
    if not isinstance(value, dict):
        raise Unusable(f"{name}: expected an object")
    return value


def items(holder: JsonItem, name: str) -> list[JsonItem]:
    """Return a list of mappings; none where there is no list."""
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unusable(f"{name}: expected a list")
    return [item(each, name) for each in value]


def text(holder: JsonItem, name: str, default: str | None = None) -> str:
    """Return a text."""
    value = holder.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise Unusable(f"{name}: expected text")
    return value.encode("utf-8", "replace").decode()  # JSON can hold half a character


def time(holder: JsonItem, *names: str) -> tuple[datetime, bool]:
    """Return the time in the first field that has one, and whether it lacks a zone: then it is taken as UTC."""
    found = next((holder[name] for name in names if holder.get(name) is not None), None)
    try:
        at = datetime.fromisoformat(found if isinstance(found, str) else "")
        zoneless = at.tzinfo is None
        at = at.replace(tzinfo=UTC) if zoneless else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unusable(f"{names[0]}: expected a time") from None
    if at.year not in _YEARS:
        raise Unusable(f"{names[0]}: the year {at.year}")
    return at, zoneless
