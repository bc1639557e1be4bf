"""How wide a text is in a picture, so that it can be placed without drawing it first."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any
from unicodedata import combining, east_asian_width

from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

SMALL_PT = 9.0
"""Size of all texts but titles."""
_FULL_EM = 1.3
"""Width of an emoji or an ideogram, which the reader's own font draws."""


def width_pt(text: str, size_pt: float = SMALL_PT, *, bold: bool = False) -> float:
    """Return the width of a text in points; of its longest line if it has several."""
    return size_pt * max(sum(_em(letter, bold) for letter in line) for line in text.split("\n"))


def fitted(text: str, room_pt: float, size_pt: float = SMALL_PT) -> str:
    """Return a text that fits; a long one loses its middle, and one for which there is no room is empty."""
    if width_pt(text, size_pt) <= room_pt:
        return text
    for kept in range(len(text) - 1, 2, -1):
        tail = kept // 3
        shorter = f"{text[: kept - tail].rstrip()}…{text[len(text) - tail :].lstrip()}"
        if width_pt(shorter, size_pt) <= room_pt:
            return shorter
    return ""


@lru_cache(maxsize=4096)
def _em(letter: str, bold: bool) -> float:
    if combining(letter):
        return 0.0
    font = _font(bold)
    if east_asian_width(letter) in "WF" or not font.get_char_index(ord(letter)):
        return _FULL_EM
    glyph = font.load_char(ord(letter))
    return float(glyph.linearHoriAdvance) / 65536 / _UNIT_PT


_UNIT_PT = 100.0


@cache
def _font(bold: bool) -> Any:
    # An object of our own: matplotlib changes the size of those that it shares.
    font = FT2Font(findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")))
    font.set_size(_UNIT_PT, 72)
    return font
