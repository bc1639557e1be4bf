"""What all pictures share: colours, ink, axes, legends, and the shades that mark the faults."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from harness import quantities
from harness.report.pictures.letters import SMALL_PT, fitted
from harness.scenario import Plan

INK = "#010203"
"""Stands for the colour of the text around a picture, whatever that will be."""
PAPER = "#fefdfc"
"""Stands for the colour of the page behind it."""

# Okabe and Ito's colours, which colour-blind readers can distinguish. Vermillion is reserved for failures.
PROVIDERS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#B8A800", "#7B4FA3", "#8C8C8C")
WRONG = "#D55E00"
GOOD = "#009E73"
UNKNOWN = "#8C8C8C"
HOVER = "title:"
"""Begins the gid of an artist that has a text for the pointer."""
HATCH = "/////"
PAPER_BOX = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
"""Behind a text on data."""
_NAME_PT = 170.0
_SHADES_MAX = 3
_BORDERS_MAX = 12
"""Of more borders only the first and the last are drawn: they would hide the data."""
_TEXTURES = ("", "\\\\\\\\", "----", "||||", "xxxx", "++++", "\\\\", "--")
"""Lines, on the provider's colour (dots take a hundred times their bytes): they tell providers apart in black and white, and the ninth from the first."""
LINES = ("-", (0, (5, 1.5)), (0, (6, 1.5, 1.5, 1.5)), (0, (1.5, 1)))
"""Kinds of line, for the same reason."""

RC = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a `$` in a name is a `$`
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # else matplotlib measures all ticks to put it above them
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "figure.facecolor": "none",
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "axes.labelsize": SMALL_PT,
    "legend.frameon": False,
    "legend.fontsize": SMALL_PT,
    "legend.borderaxespad": 0.1,
    "legend.borderpad": 0.1,
    "legend.labelspacing": 0.35,
    "legend.handlelength": 1.3,
    "legend.handleheight": 0.9,
    "legend.handletextpad": 0.6,
    "legend.columnspacing": 1.1,
}


def colours(plan: Plan) -> dict[str, str]:
    """Return a colour for each provider: by its place in the chain, so that it is the same in every picture."""
    return {name: PROVIDERS[place % len(PROVIDERS)] for place, name in enumerate(plan.chain.names)}


def lines(plan: Plan) -> dict[str, Any]:
    """Return the kind of line of each provider."""
    return {name: LINES[place % len(LINES)] for place, name in enumerate(plan.chain.names)}


def looks(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return how each provider's areas are filled: its colour, and a texture; no two of 64 are alike."""
    found: dict[str, dict[str, Any]] = {}
    for place, (name, colour) in enumerate(colours(plan).items()):
        texture = _TEXTURES[(place + place // len(PROVIDERS)) % len(_TEXTURES)]
        found[name] = {"facecolor": colour, "edgecolor": PAPER, "hatch": texture or None, "linewidth": 0}
    return found


def shade_faults(axes: Axes, plan: Plan, *, behind: bool = True) -> None:
    """Shade the time of each fault, darker where several acted; with `behind` false only draw its borders, over what is there."""
    windows = plan.timeline.windows
    edges = sorted({edge / 1e9 for window in windows for edge in (window.start_ns, window.end_ns)})
    if behind:
        for start, end in pairwise(edges):
            depth = sum(window.start_ns / 1e9 <= start and end <= window.end_ns / 1e9 for window in windows)
            if depth:
                axes.axvspan(start, end, color=WRONG, alpha=0.08 * min(depth, _SHADES_MAX), linewidth=0, zorder=0)
    for edge in edges if len(edges) <= _BORDERS_MAX else (edges[0], edges[-1]):
        axes.axvline(edge, color=WRONG, linewidth=0.8, linestyle=(0, (4, 2)), alpha=0.9, zorder=4)


def seconds_axis(axes: Axes, label: str) -> None:
    """Name the x axis."""
    axes.set_xlabel(label)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantities.count(value)))


def duration_ticks(axis: Any) -> None:
    """Write the ticks of an axis in seconds as `100 ms`, `2 s`."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: quantities.duration(value * 1e9)))


def percent_ticks(axis: Any) -> None:
    """Write the ticks of an axis of shares as percentages."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: quantities.share(value)))


def swatch(colour: str, label: str, *, failed: bool = False) -> Patch:
    """Return the legend's patch of a colour; hatched for what failed."""
    if failed:
        return Patch(**failed_look(colour), label=label, linewidth=0.8)
    return Patch(facecolor=colour, label=label)


def of_provider(plan: Plan, name: str) -> Patch:
    """Return the legend's patch of a provider."""
    return Patch(**looks(plan)[name], label=fitted(name, _NAME_PT))


def failed_look(colour: str) -> dict[str, Any]:
    """Return how an area of what failed is filled: hatched in its colour, on the page's."""
    return {"facecolor": PAPER, "edgecolor": colour, "hatch": HATCH}


def nobody() -> Patch:
    """Return the legend's patch of requests that no provider served."""
    return swatch(WRONG, "no provider: failed", failed=True)


def ink_on(colour: str) -> str:
    """Return white or black, whichever can be read on a colour."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else "#111111"


def hover(artist: Artist, text: str) -> None:
    """Show a text where a pointer rests on an artist; for a few dozen artists of a picture, not for thousands."""
    artist.set_gid(HOVER + " ".join(text.split()))
