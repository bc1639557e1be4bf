"""Mocked embeddings: each vector spells a text, one dimension for each letter, and so names its attempt.

The numbers are multiples of 1/64 in [-1, 1), which every float format holds exactly.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
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
_LETTER_OF = {(letter - _MIDDLE) / _STEPS: chr(letter) for letter in _LETTERS}
_FLOATS = {chr(letter): struct.pack("<f", (letter - _MIDDLE) / _STEPS) for letter in _LETTERS}


def texts(attempt_id: str, count: int, dimensions: int = DIMENSIONS) -> tuple[str, ...]:
    """Return what the vectors of an answer spell, in order, one letter for each dimension.

    Args:
        attempt_id: Of the attempt, which each of them names once.
        count: How many vectors.
        dimensions: Of each.
    """
    name = name_attempt(attempt_id)
    heads = (f"{name}{place} " for place in range(count))
    return tuple((head + _words(max(0, dimensions - len(head))))[:dimensions] for head in heads)


@lru_cache(maxsize=64)
def _words(length: int) -> str:
    return "".join(islice(cycle(f"{SENTENCE} "), length))


def numbers(text: str) -> str:
    """Return the vector that spells a text, as the JSON of a list."""
    head, words = _split(text)
    parts = [_NUMBERS[letter] for letter in head]
    if words:
        parts.append(_numbers_of(words))
    return f"[{','.join(parts)}]"


def packed(text: str) -> str:
    """Return the vector that spells a text as 32-bit floats in base64, as OpenAI sends it."""
    head, words = _split(text)
    return base64.b64encode(b"".join([_FLOATS[letter] for letter in head]) + _floats_of(words)).decode()


def _split(text: str) -> tuple[str, str]:
    """Return what a vector's text has of its own, and the words after it, which many vectors have."""
    head, space, words = text.partition(" ")
    return head + space, words


@lru_cache(maxsize=64)
def _numbers_of(words: str) -> str:
    return ",".join([_NUMBERS[letter] for letter in words])


@lru_cache(maxsize=64)
def _floats_of(words: str) -> bytes:
    return b"".join([_FLOATS[letter] for letter in words])


def _steps(text: str) -> list[int]:
    return [ord(letter) - _MIDDLE for letter in text]


def _list(numbers_of: Callable[[list[int]], Sequence[int]]) -> Callable[[str], str]:
    return lambda text: f"[{','.join(map(str, numbers_of(_steps(text))))}]"


def _bytes_of_signs(steps: list[int]) -> list[int]:
    signs = [step > 0 for step in steps]
    return [sum(sign << (7 - place) for place, sign in enumerate(signs[at : at + 8])) for at in range(0, len(signs), 8)]


ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "float": numbers,
    "base64": lambda text: f'"{packed(text)}"',
    "int8": _list(lambda steps: steps),
    "uint8": _list(lambda steps: [step + 128 for step in steps]),
    "binary": _list(lambda steps: [byte - 128 for byte in _bytes_of_signs(steps)]),
    "ubinary": _list(_bytes_of_signs),
    "bits": _list(lambda steps: [int(step > 0) for step in steps]),
}
"""How vendors write vectors: by its name, what makes JSON of the text that a vector spells. `bits` is what Amazon calls binary."""


def spelled(vector: Sequence[float]) -> str | None:
    """Return what a vector spells; None if it spells nothing."""
    try:
        return "".join([_LETTER_OF[number] for number in vector])
    except (KeyError, TypeError):
        return _about(vector)


def _about(vector: Sequence[float]) -> str | None:
    """Return what a vector spells whose numbers a gateway may have rounded."""
    letters = []
    for number in vector:
        if type(number) not in (int, float) or not -1 <= number < 1:
            return None
        step = round(number * _STEPS)
        if step + _MIDDLE not in _LETTERS or abs(number * _STEPS - step) > _TOLERANCE:
            return None
        letters.append(chr(step + _MIDDLE))
    return "".join(letters)


def unpacked(text: str) -> tuple[float, ...] | None:
    """Return the vector in base64 of 32-bit floats; None if it is none."""
    try:
        data = base64.b64decode(text, validate=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (ValueError, struct.error):
        return None


def text_of(vectors: Sequence[Sequence[float]]) -> str:
    """Return vectors as text: what they spell, joined; of a real model's, which spell nothing, a hash of their 32-bit floats."""
    texts = [spelled(vector) for vector in vectors]
    if None not in texts:
        return "".join(text or "" for text in texts)
    try:
        data = b"".join(struct.pack(f"<{len(vector)}f", *vector) for vector in vectors)
    except (OverflowError, struct.error):  # no number of a model's
        data = repr(vectors).encode()
    return f"vectors {hashlib.sha256(data).hexdigest()}"
