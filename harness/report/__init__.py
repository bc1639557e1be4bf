"""A run made visible: pictures, notebooks, the page, the terminal, JUnit."""

from harness.report.run import Run, open_run
from harness.report.summary import summary

__all__ = ["Run", "open_run", "summary"]
