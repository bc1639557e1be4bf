"""What somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_WORD_MAX = 80


def did_you_mean(found: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """Return a hint that names the known word nearest to what was found, or None; see `nearest`."""
    near = nearest(found, known, alike=alike)
    return f"did you mean {near!r}?" if near else None


def nearest(found: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """Return the known word nearest to what was found, or None if none is so much alike, 1 being the same word."""
    return next(iter(difflib.get_close_matches(found[:_WORD_MAX], list(known), n=1, cutoff=alike)), None)
