"""Providers tried before their turn."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind, on_litellm
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Floats

MEMORY_NS = 60 * 10**9
"""For so long may a failure keep a breaker open."""


def _check(run: RunData) -> CheckResult:
    attempts, group = run.columns.attempts, run.columns.group
    at_group = group[attempts.provider]
    shown = np.zeros(len(attempts), dtype=bool)
    in_order = attempts.provider < run.columns.ordered
    for earlier in range(run.columns.ordered - 1):
        first_ns = np.full(len(run.columns.requests), math.inf)
        at_earlier = at_group == group[earlier]
        np.minimum.at(first_ns, attempts.request[at_earlier], attempts.start_ns[at_earlier])
        later = (attempts.provider > earlier) & ~at_earlier
        skipped = in_order & later & (first_ns[attempts.request] > attempts.start_ns)
        place = np.flatnonzero(skipped)
        shown[place[~_excused(run, earlier, attempts.start_ns[place])]] = True
    return by_request(
        run,
        shown=run.columns.requests_with(shown),
        could=run.columns.requests_with(in_order & (at_group > 0)),
        did="tried a provider before its turn",
        nobody="no request tried a fallback",
    )


def _excused(run: RunData, earlier: int, at_ns: Floats) -> Bools:
    """Return at which times a breaker of an earlier provider may have been open."""
    attempts = run.columns.attempts
    failed = attempts.failed & (attempts.provider == earlier)
    ends_ns = np.sort(np.where(np.isnan(attempts.end_ns), attempts.start_ns, attempts.end_ns)[failed])
    since_ns = at_ns - MEMORY_NS - TOLERANCE_NS
    excused = np.searchsorted(ends_ns, at_ns + TOLERANCE_NS, "right") > np.searchsorted(ends_ns, since_ns, "left")
    for window in run.plan.timeline.at(run.columns.providers[earlier]):
        if window.inject.fault_kind.of_connection:
            excused |= (window.start_ns <= at_ns) & (window.end_ns >= since_ns)
    return excused


WRONG_ORDER = FindingKind(
    id="wrong_order",
    severity="required",
    shown_by="request",
    name="provider tried before its turn",
    meaning="It tried a provider although an earlier one had not been tried in this request, had no failed attempt in the"
    " last 60 s, and no connection fault. Among peers, of which the chain picks at will, there is no order, and one that"
    " was tried stands for all.",
    could="tried a fallback",
    remedy="Keep the order of providers the same in every request.",
    remedy_on=on_litellm(
        "Deployments with the same `model_name` are tried in random order. Give each a name of its own and join them by"
        " `fallbacks`, or number them by `order`."
    ),
    check=_check,
)
