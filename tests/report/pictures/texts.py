"""Where the texts of a drawn picture are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from harness.report.pictures.letters import width_pt

SVG = "{http://www.w3.org/2000/svg}"
_ANCHORS = {"start": 0.0, "middle": 0.5, "end": 1.0}
_RISE, _FALL = 0.75, 0.2
"""How far a line's letters reach above and below its baseline, as parts of their size."""


@dataclass(frozen=True, slots=True)
class Box:
    """One line of text and the area that it covers, in points from the picture's upper left corner."""

    text: str
    size: float
    left: float
    right: float
    top: float
    bottom: float

    def covers(self, other: Box) -> float:
        """Return how deep two areas lie in each other; 0 or less where they are apart."""
        across = min(self.right, other.right) - max(self.left, other.left)
        return min(across, min(self.bottom, other.bottom) - max(self.top, other.top))


def boxes(svg: str) -> tuple[tuple[float, float], list[Box]]:
    """Return the width and height of a picture, and its texts."""
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    _, _, width, height = (float(part) for part in (root.get("viewBox") or "").split())
    found = [_box(element) for element in root.iter(f"{SVG}text") if "".join(element.itertext()).strip()]
    return (width, height), found


def _box(element: ET.Element) -> Box:
    style, text = element.get("style") or "", "".join(element.itertext())
    size = float(re.search(r"font-size: ([\d.]+)px", style)[1])  # type: ignore[index] - a text has a size
    anchor = re.search(r"text-anchor: (\w+)", style)
    share = _ANCHORS[anchor[1] if anchor else "start"]
    if element.get("x"):
        x, y = float(element.get("x") or 0), float(element.get("y") or 0)
    else:
        moved = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform") or "")
        assert moved, ET.tostring(element)
        x, y = float(moved[1]), float(moved[2])
    width = width_pt(text, size, bold="font-weight" in style)
    left = x - share * width
    return Box(text=text, size=size, left=left, right=left + width, top=y - _RISE * size, bottom=y + _FALL * size)
