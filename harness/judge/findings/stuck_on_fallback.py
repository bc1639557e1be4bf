"""First providers that no request tries again."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.findings.check_result import CheckResult, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import RETURN_TO_FIRST
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools
from harness.judge.tables.gateway import met_gateway_fault
from harness.quantities import duration, plural

RETURN_NS = 10 * 10**9
LOOK_NS = 12 * 10**9
REQUESTS_MIN = 10


def _check(run: RunData) -> CheckResult:
    """Look at each first provider of a mix by itself: one that was never tried again is enough."""
    firsts = zip(run.columns.by_first, run.outages, strict=True)
    found = [_at_one(run, names, among, outages[-1].end_ns) for (names, among), outages in firsts if outages]
    if not found:
        names = dict.fromkeys(name for names in run.columns.orders.firsts for name in names)
        return unsure(f"no fault at {' or '.join(names)}")
    return max(found, key=lambda each: (Status.PASS, Status.INCONCLUSIVE, Status.FAIL).index(each.status))


def _at_one(run: RunData, names: tuple[str, ...], among: Bools, ended_ns: int) -> CheckResult:
    """Return the answer for one first provider and its peers.

    Args:
        run: The run.
        names: The provider and its peers.
        among: The requests that should try them first.
        ended_ns: The end of their last fault.
    """
    requests, attempts = run.columns.requests, run.columns.attempts
    primary = " or ".join(names)
    if _served(run, among, ended_ns):
        since = int((among & requests.sent & (requests.scheduled_ns >= ended_ns)).sum())
        return CheckResult(
            status=Status.PASS, samples=since, message=f"{primary} has served again since its last fault"
        )
    from_ns, due = _due(run, names, ended_ns)
    late = among & requests.sent & (requests.scheduled_ns >= from_ns) & ~met_gateway_fault(run, "gateway")
    samples = int(late.sum())
    left_ns = run.end_ns - from_ns + RETURN_NS
    if left_ns < LOOK_NS:
        return unsure(f"the run ended too early to tell: {primary} had to be tried from {due} on", samples)
    if not samples:
        return unsure(f"no request came later than {due}")
    tried = among[attempts.request] & (attempts.level == 0) & (attempts.start_ns >= from_ns)
    if tried.any():
        message = f"{primary} was tried again after its last fault"
        return CheckResult(status=Status.PASS, samples=samples, message=message)
    if samples < REQUESTS_MIN:
        return unsure(
            f"only {plural(samples, 'request')} came later than {due}: at least {REQUESTS_MIN} needed", samples
        )
    message = f"none of {samples} requests tried {primary} later than {due}"
    return CheckResult(status=Status.FAIL, count=1, samples=samples, message=message)


def _due(run: RunData, names: tuple[str, ...], ended_ns: int) -> tuple[float, str]:
    """Return from when on some request must have tried the first provider again, and that time in words."""
    attempts, facts = run.columns.attempts, run.plan.facts
    first = np.isin(attempts.provider, [run.columns.providers.index(name) for name in names])
    failed_ns = np.nanmax(attempts.end_ns, where=first & attempts.failed, initial=ended_ns)
    cooldown_ns = max((facts.cooldown_ns.get(name, 0) for name in names), default=0)
    told_ns = np.nanmax(attempts.end_ns + attempts.retry_after_ns, where=first, initial=-math.inf)
    return max(
        (ended_ns + RETURN_NS, f"{duration(RETURN_NS)} after its last fault"),
        (failed_ns + cooldown_ns, f"its cooldown of {duration(cooldown_ns)} after its last fault"),
        (told_ns, "the end of its last Retry-After"),
    )


def _served(run: RunData, among: Bools, ended_ns: int) -> bool:
    """Return whether the first provider served one of some requests that it began after its last fault."""
    journeys = run.journeys
    began_ns = np.append(run.columns.attempts.start_ns, math.nan)[journeys.winner]
    by_first = (journeys.served_by >= 0) & ~journeys.by_fallback
    return bool((among & by_first & (began_ns >= ended_ns)).any())


STUCK_ON_FALLBACK = FindingKind(
    id="stuck_on_fallback",
    severity="required",
    shown_by="run",
    name="never went back to the first provider",
    meaning="No request tried the first provider from 10 s after its last fault to the end (or from the end of the chain's"
    " declared cooldown, or of that provider's last Retry-After, where they are later), and none had been served by it"
    " since the fault. Inconclusive, where none was, with under 12 s after that fault (2 s after the other two), or with under"
    f" {REQUESTS_MIN} requests in that time.",
    could="came in that time",
    remedy=RETURN_TO_FIRST,
    check=_check,
    across=True,
)
