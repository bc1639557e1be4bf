"""First providers that nobody tries again."""

from __future__ import annotations

from harness.judge.findings.check_result import CheckResult, unsure
from harness.judge.findings.declaration import FindingKind, on_litellm
from harness.judge.result import Status
from harness.judge.run_data import RunData

RETURN_NS = 10 * 10**9
LOOK_NS = 12 * 10**9


def _check(run: RunData) -> CheckResult:
    requests, attempts = run.columns.requests, run.columns.attempts
    primary = " or ".join(run.columns.first)
    if not run.outages:
        return unsure(f"no fault at {primary}")
    ended_ns = run.outages[-1].end_ns
    from_ns = ended_ns + RETURN_NS
    late = requests.sent & (requests.scheduled_ns >= from_ns)
    samples = int(late.sum())
    if run.end_ns - ended_ns < LOOK_NS:
        left_s = (run.end_ns - ended_ns) / 10**9
        return unsure(f"only {left_s:g} s left after the last fault at {primary}: 12 s are needed to tell", samples)
    if not samples:
        return unsure(f"no request came later than 10 s after the last fault at {primary}")
    tried = (run.columns.at_first(attempts.provider) & (attempts.start_ns >= from_ns)).any()
    if tried:
        message = f"{primary} was tried again after its last fault"
        return CheckResult(status=Status.PASS, samples=samples, message=message)
    message = f"none of {samples} requests tried {primary} later than 10 s after its last fault"
    return CheckResult(status=Status.FAIL, count=1, samples=samples, message=message)


STUCK_ON_FALLBACK = FindingKind(
    id="stuck_on_fallback",
    severity="required",
    shown_by="run",
    name="never went back to the first provider",
    meaning="No request tried the first provider from 10 s after its last fault to the end. Inconclusive with under 12 s"
    " after that fault.",
    could="came in that time",
    remedy="Let a circuit breaker probe the provider again after a while.",
    remedy_on=on_litellm("Shorten `cooldown_time` in `router_settings`."),
    check=_check,
)
