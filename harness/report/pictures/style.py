"""What all pictures share: colours, ink, axes, legends, and the shades that mark the faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from harness import quantities
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
HATCH = "/////"
WIDTH_IN = 11.0
_LETTER_PT, _TITLE_LETTER_PT, _SWATCH_PT, _LINE_PT = 5.5, 7.6, 34.0, 15.0

RC = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a `$` in a name is a `$`
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlepad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "figure.facecolor": "none",
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 1.3,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def canvas(height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """Return an empty picture that leaves no room unused."""
    return Figure(figsize=(width_in, height_in), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.08))


def colours(plan: Plan) -> dict[str, str]:
    """Return a colour for each provider: by its place in the chain, so that it is the same in every picture."""
    names = plan.chain.names
    return {name: PROVIDERS[min(place, len(PROVIDERS) - 1)] for place, name in enumerate(names)}


def shade_faults(axes: Axes, plan: Plan, *, behind: bool = True) -> None:
    """Shade the time of each fault; with `behind` false only its borders are drawn, over what is there."""
    for start, end in sorted({(window.start_ns, window.end_ns) for window in plan.timeline.windows}):
        if behind:
            axes.axvspan(start / 1e9, end / 1e9, color=WRONG, alpha=0.08, linewidth=0, zorder=0)
        for edge in (start, end):
            axes.axvline(edge / 1e9, color=WRONG, linewidth=0.8, linestyle=(0, (4, 2)), alpha=0.9, zorder=4)


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


def headline(axes: Axes, title: str, handles: Sequence[Any] = (), *, width_pt: float = 680, rows: bool = False) -> None:
    """Put a title over a panel and its legend beside it; below it, in rows, where there is no room (or `rows` asks).

    The layout does not know the legend, or one long name would squeeze the panel: its room is kept by the title's.
    """
    lengths = [_LETTER_PT * len(handle.get_label()) + _SWATCH_PT for handle in handles]
    beside = not rows and _TITLE_LETTER_PT * len(title) + 20 + sum(lengths) <= width_pt
    columns = len(handles) if beside else 1 if rows else max(1, int(width_pt // max(lengths, default=1)))
    lines = 0 if beside or not handles else -(-len(handles) // columns)
    axes.set_title(title, pad=8 + lines * _LINE_PT)
    if not handles:
        return
    key = axes.legend(
        handles=handles,
        loc="lower right" if beside else "lower left",
        bbox_to_anchor=(1.0 if beside else 0.0, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        borderpad=0.2,
        labelspacing=0.35,
        handlelength=1.3,
        handleheight=0.9,
        columnspacing=1.2,
    )
    key.set_in_layout(False)


def swatch(colour: str, label: str, *, failed: bool = False) -> Patch:
    """Return the legend's patch of a colour; hatched for what failed."""
    if failed:
        return Patch(**failed_look(colour), label=label, linewidth=0.8)
    return Patch(facecolor=colour, label=label)


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
