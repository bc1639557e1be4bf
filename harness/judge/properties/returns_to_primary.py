"""The first provider is tried again once its fault is over."""

from __future__ import annotations

from harness.judge.findings.stuck_on_fallback import LOOK_NS, REQUESTS_MIN, RETURN_NS
from harness.judge.properties.declaration import Property, WorstRequest
from harness.judge.properties.search_run import SearchRun, failed, winner
from harness.quantities import duration


def _broken(run: SearchRun) -> tuple[str, ...]:
    late = _turned_away(run)
    return late if len(late) >= REQUESTS_MIN else ()


def _callers_missing(run: SearchRun) -> int:
    late = _turned_away(run)
    return max(REQUESTS_MIN - len(late), 0) if late else 0


def _turned_away(run: SearchRun) -> tuple[str, ...]:
    """Return the requests that came late enough to try the first provider, if none did, and it served none since its fault.

    None where too little time was left to see it.
    """
    first = [name for name in run.chain.names if name in run.chain.first]
    ended_ns = max((window.end_ns for window in run.windows if window.provider in first), default=None)
    if ended_ns is None:
        return ()
    from_ns = _due_ns(run, ended_ns)
    if run.end_ns - from_ns < LOOK_NS - RETURN_NS:
        return ()
    for request, tried in run.measured():
        serving = winner(request, tried)
        for each in tried:
            served = each is serving and each.start_ns >= ended_ns
            if each.provider in first and (served or each.start_ns >= from_ns):
                return ()
    return tuple(
        request.request_id
        for request, _ in run.measured()
        if request.scheduled_ns >= from_ns and request.outcome != "dropped"
    )


def _due_ns(run: SearchRun, ended_ns: int) -> int:
    """Return from when on somebody must have tried the first provider again."""
    due_ns, failed_ns = ended_ns + RETURN_NS, ended_ns
    for each in (each for tried in run.of.values() for each in tried if each.provider in run.chain.first):
        if each.end_ns is not None and each.retry_after_ns is not None:
            due_ns = max(due_ns, each.end_ns + each.retry_after_ns)
        if each.end_ns is not None and failed(each):
            failed_ns = max(failed_ns, each.end_ns)
    return max(due_ns, failed_ns + max(run.facts.cooldown_ns.get(name, 0) for name in run.chain.first))


def _harm(shown: WorstRequest) -> str:
    run = shown.run
    ended_ns = max(window.end_ns for window in run.windows if window.provider in run.chain.first)
    first = [name for name in run.chain.names if name in run.chain.first]
    never, healthy = ("is never", "it was") if len(first) == 1 else ("are never", "they were")
    return (
        f"{' and '.join(first)} {never} asked again, although {healthy} healthy for {duration(run.end_ns - ended_ns)}"
    )


RETURNS_TO_PRIMARY = Property(
    name="returns_to_primary",
    broken_by="a run that never tries the first provider again after its last fault",
    check=_broken,
    harm=_harm,
    findings=("stuck_on_fallback",),
    callers_missing=_callers_missing,
    caused_by_all=True,
)
