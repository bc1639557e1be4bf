"""Answers whose beginning the caller gets twice."""

from __future__ import annotations

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy
from harness.judge.run_data import RunData
from harness.judge.tables.columns import are_success


def _check(run: RunData) -> CheckResult:
    texts = ~run.columns.of_kinds("embeddings")  # each of whose vectors names its attempt
    return by_request(
        run,
        shown=texts & (run.columns.requests.sources > 1),
        could=texts & run.columns.requests_with(are_success(run.columns.attempts.status)),
        did="got the beginning of an answer twice",
        nobody="no request had an attempt that began an answer",
    )


DUPLICATED_CONTENT = FindingKind(
    id="duplicated_content",
    severity="required",
    shown_by="request",
    name="beginning of an answer given twice",
    meaning="The caller's text holds the beginning of an answer twice, from two attempts or from one.",
    could="had an attempt that began an answer",
    remedy=Remedy("Fall back in a stream only before its first token, or hold tokens back until an attempt is done."),
    check=_check,
    harm=True,
)
