"""Answers whose beginning the caller gets twice."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.run_data import RunData
from harness.judge.tables.columns import are_success


def _check(run: RunData) -> CheckResult:
    sources = run.columns.requests.table["sources"]
    several = sources.str.len().to_numpy(np.float64) > 1
    shown = several.copy()
    # Few: only texts that name more than one attempt are looked at one by one.
    shown[several] = [len(set(names)) > 1 for names in sources[several]]
    begun = are_success(run.columns.attempts.status)
    twice = np.bincount(run.columns.attempts.request[begun], minlength=len(run.columns.requests)) > 1
    return by_request(
        run,
        shown=shown,
        could=twice,
        did="got the beginning of an answer twice",
        nobody="no request had two attempts that began an answer",
    )


DUPLICATED_CONTENT = FindingKind(
    id="duplicated_content",
    severity="required",
    shown_by="request",
    name="beginning of an answer given twice",
    meaning="The caller's text holds the beginning of an answer twice, from two attempts.",
    could="had two attempts that began an answer",
    remedy="Fall back in a stream only before its first token, or hold tokens back until an attempt is done.",
    check=_check,
    harm=True,
)
