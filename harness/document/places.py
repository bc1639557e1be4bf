"""Where something is in a file."""

from __future__ import annotations

Place = tuple[str | int, ...]
"""Keys and numbers of items, from the top: `("faults", 0, "on")`."""


def field_name(place: Place) -> str:
    """Return a place as people write it: `faults[0].on`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
