"""Fallbacks that fail because the chain carried the request wrongly to another vendor."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools
from harness.judge.tables.failures import CLASSES, failure_classes


def _check(run: RunData) -> CheckResult:
    columns = run.columns
    with_tools = columns.of_kinds("tools", "conversation")
    if not with_tools.any():
        return unsure("no request had tools")
    elsewhere, refused = _elsewhere(run), _refused(run)
    # Where its own provider refuses the history too, the chain is not the one that spoilt it.
    shown = columns.requests_with(refused & elsewhere) & ~columns.requests_with(refused & ~elsewhere)
    return by_request(
        run,
        shown=with_tools & shown,
        could=with_tools & columns.requests_with(elsewhere),
        did="were refused by another provider, with a 400, for a history that the chain carried wrongly",
        nobody="no request with tools went to another provider than the one before",
    )


def _elsewhere(run: RunData) -> Bools:
    """Return which attempts were at another provider than that of the turn before; of a first turn, than the first provider."""
    requests, attempts = run.columns.requests, run.columns.attempts
    before = np.where(requests.before < 0, -1, run.journeys.served_by[requests.before])[attempts.request]
    mask: Bools = np.where(before < 0, attempts.level > 0, attempts.provider != before)
    return mask


def _refused(run: RunData) -> Bools:
    """Return which attempts a mock refused by a rule of its vendor: for no fault, nor for content or length."""
    attempts = run.columns.attempts
    mask = np.zeros(len(attempts), dtype=bool)
    chosen = np.flatnonzero((attempts.status == 400) & ~attempts.touched & ~attempts.bools("forwarded"))
    mask[chosen] = failure_classes(attempts, chosen) == CLASSES.index("invalid")
    return mask


HISTORY_REJECTED = FindingKind(
    id="history_rejected",
    severity="required",
    shown_by="request",
    name="history carried wrongly to another provider",
    meaning="A request with tools went to another provider than the turn before (a first turn: than the first provider), and that"
    " provider's mock answered 400 by a rule of its vendor, while no fault touched it: ids of calls and results that do not fit, results"
    " out of order, fields that the vendor does not know. Not where the length or the content was refused, nor where the provider of the"
    " turn before refused it too.",
    could="took tools to another provider",
    remedy=Remedy(
        "Translate calls of tools and their results for each vendor: ids, order, roles and fields. Try a fallback with a conversation"
        " before it is needed."
    ),
    check=_check,
)
