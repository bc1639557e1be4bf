"""A run made visible: pictures, notebooks, the page, the terminal, JUnit."""

from harness.report.judged_run import JudgedRun, open_run
from harness.report.summary import summary

__all__ = ["JudgedRun", "open_run", "summary"]
