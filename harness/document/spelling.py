"""What somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_WORD_MAX = 80


def did_you_mean(found: str, known: Iterable[str]) -> str | None:
    """Return a hint that names the known word nearest to what was found, or None."""
    near = nearest(found, known)
    return f"did you mean {near!r}?" if near else None


def nearest(found: str, known: Iterable[str]) -> str | None:
    """Return the known word nearest to what was found, or None."""
    return next(iter(difflib.get_close_matches(found[:_WORD_MAX], list(known), n=1, cutoff=0.6)), None)
