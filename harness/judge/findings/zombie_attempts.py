"""Attempts for callers who have left."""

from __future__ import annotations

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import CANCEL_WITH_CALLER
from harness.judge.run_data import RunData
from harness.judge.tables.columns import ZOMBIE_NS
from harness.quantities import duration


def _check(run: RunData) -> CheckResult:
    return by_request(
        run,
        shown=run.columns.requests_with(run.zombies),
        could=run.columns.requests.left,
        did="went on with new attempts after the caller had left",
        nobody="no caller left",
    )


ZOMBIE_ATTEMPTS = FindingKind(
    id="zombie_attempts",
    severity="required",
    shown_by="request",
    name="work for callers who have left",
    meaning=f"An attempt began more than {duration(ZOMBIE_NS)} after the caller had left.",
    could="whose caller left",
    remedy=CANCEL_WITH_CALLER,
    check=_check,
    across=True,
)
