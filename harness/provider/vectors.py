"""Mocked embeddings: each vector spells a text, one dimension for each letter, and so names its attempt.

The numbers are multiples of 1/64 in [-1, 1), which every float format holds exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

from harness.provider.marker import name_attempt
from harness.provider.text import SENTENCE

DIMENSIONS = 256
"""How many a vector has where the caller does not say."""
_STEPS = 64
_MIDDLE = 64
_LETTERS = range(32, 127)
_TOLERANCE = 0.01
_NUMBERS = {chr(letter): repr((letter - _MIDDLE) / _STEPS) for letter in _LETTERS}


def texts(attempt_id: str, count: int, dimensions: int = DIMENSIONS) -> tuple[str, ...]:
    """Return what the vectors of an answer spell, in order, one letter for each dimension.

    Args:
        attempt_id: Of the attempt, which each of them names.
        count: How many vectors.
        dimensions: Of each.
    """
    name = name_attempt(attempt_id)
    return tuple("".join(islice(cycle(f"{name}{place} {SENTENCE} "), dimensions)) for place in range(count))


def numbers(text: str) -> str:
    """Return the vector that spells a text, as the JSON of a list."""
    return f"[{','.join([_NUMBERS[letter] for letter in text])}]"


def spelled(vector: Sequence[float]) -> str | None:
    """Return what a vector spells; None if it spells nothing."""
    letters = []
    for number in vector:
        if type(number) not in (int, float) or not -1 <= number < 1:
            return None
        step = round(number * _STEPS)
        if step + _MIDDLE not in _LETTERS or abs(number * _STEPS - step) > _TOLERANCE:
            return None
        letters.append(chr(step + _MIDDLE))
    return "".join(letters)
