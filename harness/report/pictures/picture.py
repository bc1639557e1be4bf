"""What every picture of a run declares. A picture is one such object in a file of its own in this package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure

from harness.report.judged_run import JudgedRun
from harness.report.pictures import style

OVERVIEW = "overview"
"""The place in the report before the table of numbers."""
DETAILS = "details"
"""The place in the report after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture of a run: everything that the report, the notebooks and the tests need to know about it.

    Attributes:
        name: Its anchor in a page, unique: `retry-gaps`.
        question: What it answers; the heading above it.
        reading: How to read it, in one sentence.
        position: Pictures of one place come in this order, lowest first.
        places: Where it is shown: `OVERVIEW` or `DETAILS` of the report, and any notebooks by name.
        nothing: Returns why there is nothing to draw, in one sentence; empty where there is something.
        alt: Returns what the picture shows, in sentences, for readers who cannot see it.
        draw: Returns the figure; called only where `nothing` returns nothing.
    """

    name: str
    question: str
    reading: str
    position: int
    places: tuple[str, ...]
    nothing: Callable[[JudgedRun], str]
    alt: Callable[[JudgedRun], str]
    draw: Callable[[JudgedRun], Figure]

    def figure(self, run: JudgedRun) -> Figure:
        """Return the picture of a run in the house style; matplotlib's own settings stay as they are.

        Raises:
            ValueError: There is nothing to draw; `nothing` says why.
        """
        if why := self.nothing(run):
            raise ValueError(why)
        with mpl.rc_context(style.RC):
            figure = self.draw(run)
        figure.set_gid(self.name)
        figure.set_label(self.alt(run))
        return figure


UNSEEN = (
    "This cannot be shown: connections were refused before they reached a provider, and only the gateway itself could "
    "count how often it tried."
)


def unseen(run: JudgedRun) -> str:
    """Return why a picture of attempts would be wrong; empty where all attempts were recorded."""
    return UNSEEN if run.blind else ""
