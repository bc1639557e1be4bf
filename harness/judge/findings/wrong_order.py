"""Providers tried before their turn."""

from __future__ import annotations

import math

import numpy as np

from harness.chain.facts import REFUSED
from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy, on_litellm
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Floats

MEMORY_NS = 60 * 10**9
"""How long a failure may keep a circuit breaker open that the chain does not declare."""


def _check(run: RunData) -> CheckResult:
    """Look for skipped providers.

    Among peers the chain picks at will: none of them is earlier than another, and one that was tried stands for all.
    """
    attempts, orders = run.columns.attempts, run.columns.orders
    order = run.columns.requests.order[attempts.request]
    shown = np.zeros(len(attempts), dtype=bool)
    for earlier in np.flatnonzero((orders.place < orders.length[:, np.newaxis] - 1).any(axis=0)):
        place_of_it, level_of_it = orders.placed(int(earlier), order)
        first_ns = np.full(len(run.columns.requests), math.inf)
        at_earlier = attempts.level == level_of_it
        np.minimum.at(first_ns, attempts.request[at_earlier], attempts.start_ns[at_earlier])
        later = attempts.in_order & (attempts.place > place_of_it) & ~at_earlier
        place = np.flatnonzero(later & (first_ns[attempts.request] > attempts.start_ns))
        shown[place[~_excused(run, int(earlier), attempts.start_ns[place])]] = True
    shown &= ~_in_a_lane(run)
    return by_request(
        run,
        shown=run.columns.requests_with(shown),
        could=run.columns.requests_with(attempts.in_order & (attempts.level > 0)),
        did="tried a provider before its turn",
        nobody="no request tried a fallback",
    )


def _in_a_lane(run: RunData) -> Bools:
    """Return which attempts were made in place of the next ones, as the request had been refused for what it is."""
    attempts, columns = run.columns.attempts, run.columns
    lanes = np.isin(attempts.provider, [p for p, name in enumerate(columns.providers) if name in run.plan.facts.lanes])
    refused_ns = np.full(len(columns.requests), math.inf)
    refused = np.isin(attempts.status, REFUSED)
    np.minimum.at(refused_ns, attempts.request[refused], attempts.start_ns[refused])
    return lanes & (refused_ns[attempts.request] < attempts.start_ns)


def _excused(run: RunData, earlier: int, at_ns: Floats) -> Bools:
    """Return at which times the chain may have left an earlier provider alone by its own policy."""
    name, facts = run.columns.providers[earlier], run.plan.facts
    if name in facts.limited:
        return np.ones(len(at_ns), dtype=bool)
    memory_ns = max(MEMORY_NS, facts.cooldown_ns.get(name, 0))
    attempts = run.columns.attempts
    failed = np.flatnonzero(attempts.failed & (attempts.provider == earlier))
    ends_ns = np.where(np.isnan(attempts.end_ns), attempts.start_ns, attempts.end_ns)[failed]
    failed, ends_ns = failed[np.argsort(ends_ns)], np.sort(ends_ns)
    until_ns = np.maximum.accumulate(ends_ns + np.fmax(attempts.retry_after_ns[failed], memory_ns))
    last = np.searchsorted(ends_ns, at_ns + TOLERANCE_NS, "right") - 1
    excused = np.append(until_ns, -math.inf)[last] >= at_ns - TOLERANCE_NS
    for window in run.plan.timeline.at(name):
        if window.inject.fault_kind.of_connection:
            excused |= (window.start_ns <= at_ns) & (window.end_ns >= at_ns - memory_ns - TOLERANCE_NS)
    return excused


WRONG_ORDER = FindingKind(
    id="wrong_order",
    severity="required",
    shown_by="request",
    name="provider tried before its turn",
    meaning="It tried a provider although an earlier one had not been tried in this request, and nothing explained why it"
    " was skipped: no failed attempt there in the last 60 s (or in the chain's declared cooldown, or in that attempt's"
    " Retry-After, where they are longer), no connection fault, no limit of the chain's own (requests or tokens per minute,"
    " parallel requests, a budget, a check before the call), and no list of providers of its own for requests that are refused for"
    " their content or their length. Among peers, of which the chain picks at will, there"
    " is no order, and one that was tried stands for all.",
    could="tried a fallback",
    remedy=Remedy(
        "Keep the order of providers the same in every request.",
        on_litellm(
            "Deployments with the same `model_name` are tried in random order. Give each a name of its own and join them by"
            " `fallbacks`, or number them by `order`."
        ),
    ),
    check=_check,
)
