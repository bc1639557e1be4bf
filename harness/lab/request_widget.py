"""The requests of a run as points in JupyterLab: hovered, filtered, and opened as waterfalls."""

from __future__ import annotations

from typing import Any

import traitlets

from harness.lab.points import points
from harness.lab.waterfall_picture import waterfall_html
from harness.lab.widget import LabWidget, module
from harness.report import show
from harness.report.judged_run import JudgedRun


class RequestWidget(LabWidget):
    """The points, and the waterfall of the one that was opened.

    Args:
        run: Whose requests.
    """

    _esm = module("requests")
    seconds = traitlets.Bytes().tag(sync=True)
    codes = traitlets.Bytes().tag(sync=True)
    names = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    opened = traitlets.Unicode().tag(sync=True)

    def __init__(self, run: JudgedRun) -> None:
        super().__init__()
        self._run = run
        found = points(run)
        self._ids = frozenset(found.ids)
        self.seconds = found.seconds.astype("<f4").tobytes()
        self.codes = found.codes.astype("<u4").tobytes()
        self.names = found.names
        self.observe(self._open, names="opened")

    def _open(self, change: Any) -> None:
        """Draw the waterfall of the request that was clicked."""
        name = change["new"]
        self.picture = (
            waterfall_html(self._run, [name], "the request you opened", "opened") if name in self._ids else ""
        )

    def static(self) -> str:
        """Return the overview of the run."""
        return show.pictures(self._run, "overview").html
