"""One function for each thing that the harness can do: plan → engine → history → judge → store → report."""

from harness.experiment.check import CheckedFile, check
from harness.experiment.compare import Baseline, compare, compare_with
from harness.experiment.doctor import Diagnosis, doctor
from harness.experiment.explore import Explored, Found, explore
from harness.experiment.live import Interrupted
from harness.experiment.run import RunResult, report, run
from harness.experiment.serve import serve
from harness.experiment.suites.suite import suite
from harness.experiment.trial import trial

__all__ = [
    "Baseline",
    "CheckedFile",
    "Diagnosis",
    "Explored",
    "Found",
    "Interrupted",
    "RunResult",
    "check",
    "compare",
    "compare_with",
    "doctor",
    "explore",
    "report",
    "run",
    "serve",
    "suite",
    "trial",
]
