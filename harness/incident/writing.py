"""An incident as plain data, and as the text of a file."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from harness.document.writing import Style, block
from harness.incident.schema import Incident


def plain(incident: Incident) -> dict[str, Any]:
    """Return an incident as plain data, as its file has it, with what it leaves at its default."""
    written: dict[str, Any] = _adapter().dump_python(incident, mode="json", by_alias=True, exclude_none=True)
    return written


def incident_text(incident: Incident) -> str:
    """Return a file from which the same incident is read."""
    written = _adapter().dump_python(incident, mode="json", by_alias=True, exclude_defaults=True)
    for window in written["windows"]:
        for name in ("on", "inject"):
            window[name] = _bare(window[name])
    return "\n".join(block(written, Style())) + "\n"


@cache
def _adapter() -> TypeAdapter[Incident]:
    return TypeAdapter(Incident)


def _bare(values: list[Any]) -> Any:
    """Return the only one without its list."""
    return values[0] if len(values) == 1 else values
