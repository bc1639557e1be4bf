"""Fallbacks that come later than they could."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, no_requests
from harness.judge.findings.declaration import FindingKind, on_litellm
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS
from harness.quantities import duration

LATE_NS = 10**9


def _check(run: RunData) -> CheckResult:
    switches, attempts = run.switches, run.columns.attempts
    late, could = no_requests(run), no_requests(run)
    could[attempts.request[switches.before]] = True
    waited = switches.gap_ns > LATE_NS + TOLERANCE_NS
    median = f" (median {duration(float(np.median(switches.gap_ns[waited])))})" if waited.any() else ""
    late[attempts.request[switches.before[waited]]] = True
    return by_request(
        run,
        shown=late,
        could=could,
        did=f"waited over 1 s{median} after the last failure at one provider before the next was tried",
        nobody="no request went from one provider to the next",
    )


LATE_FALLBACK = FindingKind(
    id="late_fallback",
    severity="advisory",
    shown_by="request",
    name="waited for nothing before falling back",
    meaning="It waited over 1 s after the last failed attempt at one provider before the next one was tried.",
    could="went from one provider to the next",
    remedy="Do not wait after the last try at a provider: the next one is not the one that failed.",
    remedy_on=on_litellm(
        "LiteLLM also waits after its last retry. Fewer retries (`num_retries`) shorten the wait before a fallback."
    ),
    check=_check,
)
