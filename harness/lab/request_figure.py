"""All requests of a run in one figure, wherever it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.extras import LAB
from harness.report import show
from harness.report.judged_run import JudgedRun
from harness.report.show import Block

if TYPE_CHECKING:
    from harness.lab.request_widget import RequestWidget


def requests(run: JudgedRun) -> RequestWidget | Block:
    """Show each request of a run as a point: hover for its story, click for its waterfall.

    Without the extra `lab` the static overview is shown instead, with the command that installs it.
    """
    if LAB.missing():
        return Block(
            f"<p>To hover and filter the requests: <code>{LAB.command}</code></p>{show.pictures(run, 'overview').html}"
        )
    from harness.lab.request_widget import RequestWidget  # noqa: PLC0415 - its library is an extra

    return RequestWidget(run)
