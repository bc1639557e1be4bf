"""What a finding is: one declaration in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.judge.findings.check_result import CheckResult
from harness.judge.remedies import Remedy
from harness.judge.result import Severity
from harness.judge.run_data import RunData


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingKind:
    """A behaviour that the judge looks for in every run.

    Attributes:
        id: What people and programs call it.
        severity: `required` (one is enough to fail a run), `advisory` (reported only), `run` (the run tested too
            little).
        shown_by: What shows it: a single `request`, or the `run` as a whole.
        name: In a few words, for somebody who does not know the id.
        meaning: When it is shown, in sentences.
        could: What could have shown it, to complete "requests that …", or a noun.
        remedy: What usually ends it.
        check: Looks for it.
        harm: A caller was deceived, or left waiting for nothing.
        across: As of a metric: it compares a time by a caller's clock with one by that of another process.
    """

    id: str
    severity: Severity
    shown_by: Literal["request", "run"]
    name: str
    meaning: str
    could: str
    remedy: Remedy
    check: Callable[[RunData], CheckResult]
    harm: bool = False
    across: bool = False
