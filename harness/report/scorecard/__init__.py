"""Every scenario on every chain, in one table."""

from harness.report.scorecard.html import html
from harness.report.scorecard.junit import junit
from harness.report.scorecard.markdown import markdown
from harness.report.scorecard.model import Cell, CellRun, LeftOut, Scorecard

__all__ = ["Cell", "CellRun", "LeftOut", "Scorecard", "html", "junit", "markdown"]
