"""Short phrases that the sentences about broken properties share."""

from __future__ import annotations

from collections.abc import Sequence


def listed(parts: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def seconds(ns: float) -> str:
    """Return a time in seconds, with two or three digits: `0.45 s`, `31.2 s`, `120 s`."""
    value = ns / 1e9
    return f"{value:.0f} s" if value >= 100 else f"{value:.{2 if value < 1 else 3}g} s"
