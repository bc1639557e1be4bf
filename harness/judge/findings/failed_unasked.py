"""Requests that fail although no provider was asked."""

from __future__ import annotations

from collections import Counter

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy, on_litellm
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools
from harness.judge.tables.gateway import have_budget, met_gateway_fault
from harness.judge.tables.outages import merged


def _check(run: RunData) -> CheckResult:
    requests = run.columns.requests
    refused = requests.failed & (np.isnan(requests.status) | (requests.status == 429) | (requests.status >= 500))
    unasked = requests.sent & (run.journeys.attempts == 0)
    limited = np.array(
        [set(run.plan.facts.limited).issuperset(names) for names in run.columns.orders.names], dtype=bool
    )
    if limited.all():
        return unsure("a limit of the chain's own may have refused requests")
    known = ~limited[requests.order] & ~met_gateway_fault(run, "gateway", "database") & ~have_budget(run)
    shown = known & unasked & (refused | requests.left) & _one_healthy(run)
    return by_request(
        run,
        shown=shown,
        could=known & (unasked | requests.failed | requests.left),
        did="failed although no provider was asked and one was healthy",
        nobody="no request failed",
        note=_message(run, shown),
    )


def _one_healthy(run: RunData) -> Bools:
    """Return during which requests at least one provider of their order was under no fault."""
    requests, orders = run.columns.requests, run.columns.orders
    end_ns = np.where(np.isnan(requests.end_ns), np.inf, requests.end_ns)
    healthy = np.zeros(len(requests), dtype=bool)
    for name in dict.fromkeys(name for order in orders.names for name in order):
        faulty = np.zeros(len(requests), dtype=bool)
        for outage in merged(run.plan, [name]):
            faulty |= (outage.start_ns <= end_ns) & (outage.end_ns > requests.start_ns)
        healthy |= ~faulty & orders.holding([name])[requests.order]
    return healthy


def _message(run: RunData, shown: Bools) -> str:
    """Return the chain's own words for most of these failures."""
    found = Counter(run.columns.requests.pick("error", np.flatnonzero(shown)))
    errors = [(-times, text) for text, times in found.items() if text is not None]
    return f"; its message: {min(errors)[1]}" if errors else ""


FAILED_UNASKED = FindingKind(
    id="failed_unasked",
    severity="required",
    shown_by="request",
    name="failed without asking any provider",
    meaning="The caller got a 429, a 5xx or no answer although no provider was asked in this request and one was healthy:"
    " because all of them were in cooldown, say. Not where limits of the chain's own may skip every provider, nor while the gateway or its database was under a fault, nor of a tenant with a budget. The message"
    " has the chain's own words.",
    could="failed, or made no attempt",
    remedy=Remedy(
        "Ask the provider that has rested longest instead of none.",
        on_litellm(
            "Shorten `cooldown_time`, raise `allowed_fails`, or set `disable_cooldowns: true` in `router_settings`: LiteLLM"
            " refuses requests while all deployments of a group are in cooldown."
        ),
    ),
    check=_check,
    across=True,
)
