"""Faults of the plan that touched no attempt."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from harness import history
from harness.history import FaultEvent
from harness.judge.findings.check_result import CheckResult, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS
from harness.scenario import Window


def _check(run: RunData) -> CheckResult:
    windows = run.plan.timeline.windows
    if not windows:
        return unsure("no faults in the plan")
    reasons = [*idle_windows(run).values()]
    if reasons:
        return CheckResult(
            status=Status.INCONCLUSIVE, count=len(reasons), samples=len(windows), message="; ".join(reasons)
        )
    return CheckResult(status=Status.PASS, samples=len(windows), message="every fault touched at least one attempt")


def idle_windows(run: RunData) -> dict[tuple[str, str], str]:
    """Return why faults did not fire, by fault and provider; those that fired are left out."""
    windows = run.plan.timeline.windows
    events = {
        (event.fault_id, event.provider): event for event in history.as_records(FaultEvent, run.columns.history.faults)
    }
    idle = {
        (window.fault_id, window.provider): (window, reason)
        for window in windows
        if (reason := _idle(run, window, events.get((window.fault_id, window.provider))))
    }
    fired = {(window.fault_id, window.provider) for window in windows} - idle.keys()
    return {
        key: reason
        for key, (window, reason) in idle.items()
        if not ((event := events.get(key)) and _applied(event) and _passed_over(run, window, fired))
    }


def _applied(event: FaultEvent) -> bool:
    return event.applied_ns is not None and not event.error


def _passed_over(run: RunData, window: Window, fired: AbstractSet[tuple[str, str]]) -> bool:
    """Return whether the chain chose only peers of a provider while its fault was on, and the same fault fired at one of them."""
    if not window.at_provider:
        return False
    peers = run.plan.chain.with_peers(window.provider) - {window.provider}
    attempts = run.columns.attempts
    at_provider = attempts.provider == run.columns.providers.index(window.provider)
    asked = at_provider & ~(attempts.end_ns <= window.start_ns) & (attempts.start_ns < window.end_ns)
    return not asked.any() and any((window.fault_id, peer) in fired for peer in peers)


def _idle(run: RunData, window: Window, event: FaultEvent | None) -> str:
    """Return why a window does not count as fired; empty if it does."""
    name = f"{window.fault_id} ({window.text})"
    if event is None:  # the runner was killed: it writes them last
        return f"there is no record of what {name} did at {window.provider}"
    if event.applied_ns is None:
        cause = f": {event.error}" if event.error else ""
        return f"{name} was never applied at {window.provider}{cause}"
    if event.error:
        return f"{name} at {window.provider} went wrong: {event.error}"
    if event.fired:
        return ""
    if event.fired is None:
        return _unseen(run, window, name, event)
    return f"{window.provider} was never made to fail: {name} fired 0 times"


def _unseen(run: RunData, window: Window, name: str, event: FaultEvent) -> str:
    """Return whether a window fired of which there is no record, from what became of the provider's attempts.

    A fault that was applied a little later than planned let connections through until then: its own times count.
    """
    assert event.applied_ns is not None
    if not window.at_provider:
        return f"it is not observable whether {name} on the {window.leg} met a connection"
    from_ns = event.applied_ns + TOLERANCE_NS
    to_ns = window.end_ns if event.reverted_ns is None else event.reverted_ns
    requests, attempts = run.columns.requests, run.columns.attempts
    at_provider = attempts.provider == run.columns.providers.index(window.provider)
    inside = at_provider & (attempts.start_ns >= from_ns) & (attempts.start_ns < to_ns)
    if window.blocks is None:
        return "" if inside.any() else f"nobody called {window.provider} while {name} was on"
    if (inside & attempts.had(window.blocks)).any():
        return ""
    went_on = (requests.scheduled_ns >= from_ns) & (requests.scheduled_ns < to_ns)
    stopped = not inside.any() and (at_provider & ~inside).any()
    if stopped and went_on.any():
        return ""
    return f"it is not observable whether {name} at {window.provider} stopped a connection"


FAULT_NEVER_FIRED = FindingKind(
    id="fault_never_fired",
    severity="run",
    shown_by="run",
    name="a fault touched nothing",
    meaning="A fault window changed no attempt: the run did not test what it claims. Makes the run inconclusive, never"
    " failed. Peers that the chain never chose meanwhile do not count where the same fault fired at the one it chose.",
    could="fault windows",
    remedy=Remedy("Send more requests, make the fault longer, or aim it at a provider that the chain calls."),
    check=_check,
)
