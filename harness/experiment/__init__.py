"""One function for each thing that the harness can do: plan → engine → history → judge → store → report."""

from harness.experiment.run import RunResult, report, run

__all__ = ["RunResult", "report", "run"]
