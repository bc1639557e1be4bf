"""Mocked text: the attempt's name, then words. The same attempt gets the same text in both engines."""

from __future__ import annotations

from functools import lru_cache
from itertools import cycle, islice
from zlib import crc32

from harness.provider.marker import name_attempt

SENTENCE = (
    "the chain holds when one link breaks and another takes its load so that nobody waits long for an answer "
    "which every caller gets whole and once while the first provider rests"
)
_WORDS = tuple(SENTENCE.split())
_STARTS = 16


def pieces(attempt_id: str, tokens: int) -> tuple[str, ...]:
    """Return the text of an attempt in `tokens` pieces, one token each; the first is the attempt's name."""
    return (name_attempt(attempt_id), *_tail(_start(attempt_id), tokens - 1))


def text(attempt_id: str, tokens: int) -> str:
    """Return the pieces joined."""
    return name_attempt(attempt_id) + _joined_tail(_start(attempt_id), tokens - 1)


def _start(attempt_id: str) -> int:
    return crc32(attempt_id.encode()) % _STARTS


@lru_cache(maxsize=64)  # one chain has few lengths of answers, and an attempt should not pay for each word
def _tail(start: int, tokens: int) -> tuple[str, ...]:
    return tuple(f" {word}" for word in islice(cycle(_WORDS), start, start + tokens))


@lru_cache(maxsize=64)
def _joined_tail(start: int, tokens: int) -> str:
    return "".join(_tail(start, tokens))
