"""One function for each thing that the harness can do: plan → engine → history → judge → store → report."""

from harness.experiment.check import Checked, check
from harness.experiment.doctor import Diagnosis, doctor
from harness.experiment.run import Interrupted, RunResult, report, run
from harness.experiment.serve import serve

__all__ = ["Checked", "Diagnosis", "Interrupted", "RunResult", "check", "doctor", "report", "run", "serve"]
