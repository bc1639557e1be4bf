"""Panels of one picture, from top to bottom: each has a title, a legend and room for its axis, and none covers another.

Matplotlib's own layout draws every text twice to measure it, which took half of a picture's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.pictures.letters import SMALL_PT, width_pt

WIDTH_IN = 6.8
"""Narrow enough that its letters can be read on a phone, where a page shrinks it."""
INCH_PT = 72.0
RIGHT_PT = 16.0
_LEFT_MIN_PT = 46.0
NAME_PT = 96.0
"""Room for a name left of the axes."""
_EDGE_PT = 4.0
_GAP_PT = 11.0
_TITLE_PT = 18.0
_TITLE_SIZE_PT = 11.0
_LINE_PT = 14.5
_SWATCH_PT = 20.0
_BETWEEN_PT = 11.0


@dataclass(slots=True, eq=False)
class Panel:
    """One pair of axes with its title and legend.

    Attributes:
        axes: Where its data are drawn.
        height_in: Height of the axes, in inches.
        width_pt: Width of the axes, in points.
        title: Above it; empty for none.
        handles: Its legend, beside the title or below it.
    """

    axes: Axes
    height_in: float
    width_pt: float
    title: str = ""
    handles: Sequence[Any] = ()


def panels(
    heights_in: Sequence[float], *, names: Sequence[str] = (), share_x: bool = True, y_ticks: bool = True
) -> list[Panel]:
    """Return the empty panels of a new figure.

    Args:
        heights_in: Heights of the axes, in inches.
        names: Texts that are to stand left of the axes, for which there will be room.
        share_x: They have the same x axis, named below the last one.
        y_ticks: Numbers are to stand left of the axes.
    """
    figure = Figure(figsize=(WIDTH_IN, sum(heights_in)))
    left_pt = max([_LEFT_MIN_PT if y_ticks else 2 * _EDGE_PT, *(min(width_pt(name), NAME_PT) + 12 for name in names)])
    width = WIDTH_IN * INCH_PT - left_pt - RIGHT_PT
    axes = figure.subplots(len(heights_in), 1, sharex=share_x, squeeze=False)[:, 0]
    figure.subplots_adjust(left=left_pt / (WIDTH_IN * INCH_PT), right=1 - RIGHT_PT / (WIDTH_IN * INCH_PT))
    return [Panel(each, height, width) for each, height in zip(axes, heights_in, strict=True)]


def placed(parts: Sequence[Panel]) -> Figure:
    """Put all panels of a figure into their places, with titles and legends, and return the figure."""
    figure = parts[0].axes.get_figure()
    assert isinstance(figure, Figure)
    heads_pt = [_head(part) for part in parts]
    feet_pt = [_foot_pt(part.axes) for part in parts]
    drawn_pt = [part.height_in * INCH_PT for part in parts]
    whole_pt = sum(heads_pt) + sum(feet_pt) + sum(drawn_pt) + _GAP_PT * (len(parts) - 1) + 2 * _EDGE_PT
    figure.set_size_inches(WIDTH_IN, whole_pt / INCH_PT)
    top_pt = whole_pt - _EDGE_PT
    left = 1 - (parts[0].width_pt + RIGHT_PT) / (WIDTH_IN * INCH_PT)
    for part, head_pt, height_pt, foot_pt in zip(parts, heads_pt, drawn_pt, feet_pt, strict=True):
        bottom_pt = top_pt - head_pt - height_pt
        part.axes.set_position((left, bottom_pt / whole_pt, part.width_pt / (WIDTH_IN * INCH_PT), height_pt / whole_pt))
        top_pt = bottom_pt - foot_pt - _GAP_PT
    return figure


def _head(part: Panel) -> float:
    """Write title and legend above a panel, and return the height that they take, in points."""
    room_pt = WIDTH_IN * INCH_PT - 2 * _EDGE_PT
    start_pt = _EDGE_PT + part.width_pt + RIGHT_PT - WIDTH_IN * INCH_PT  # the figure's edge, from the axes' left
    columns = _columns(part.handles, room_pt) if part.handles else 0
    beside = len(part.handles) > 0 and (
        width_pt(part.title, _TITLE_SIZE_PT, bold=True) + 16 + _legend_pt(part.handles, len(part.handles)) <= room_pt
    )
    lines = 0 if beside or not part.handles else -(-len(part.handles) // columns)
    if part.title:
        part.axes.set_title(part.title, x=start_pt / part.width_pt, y=1.0, pad=6 + lines * _LINE_PT)
    if part.handles:
        part.axes.legend(
            handles=part.handles,
            loc="lower right" if beside else "lower left",
            bbox_to_anchor=(
                1.0 + (RIGHT_PT - _EDGE_PT) / part.width_pt if beside else start_pt / part.width_pt,
                1.0 + 3.0 / (part.height_in * INCH_PT),
            ),
            ncols=len(part.handles) if beside else columns,
        )
    return (_TITLE_PT if part.title else 4.0) + lines * _LINE_PT


def _columns(handles: Sequence[Any], room_pt: float) -> int:
    """Return in how many columns a legend fits."""
    return next((n for n in range(len(handles), 1, -1) if _legend_pt(handles, n) <= room_pt), 1)


def _legend_pt(handles: Sequence[Any], columns: int) -> float:
    """Return the width of a legend, which is filled column by column."""
    widths = [width_pt(handle.get_label()) + _SWATCH_PT for handle in handles]
    rows, more = divmod(len(widths), columns)
    total, at = 0.0, 0
    for column in range(columns):
        size = rows + (column < more)
        total += max(widths[at : at + size], default=0) + _BETWEEN_PT
        at += size
    return total


def _foot_pt(axes: Axes) -> float:
    """Return the room that the x axis needs below its line."""
    ticks = axes.xaxis.get_tick_params().get("labelbottom", True) and len(axes.get_xticks()) > 0
    return (16.0 if ticks else 0.0) + (SMALL_PT + 6 if axes.get_xlabel() else 0.0)
