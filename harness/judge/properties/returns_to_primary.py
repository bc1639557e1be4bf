"""The first provider is tried again once its fault is over."""

from __future__ import annotations

from harness.judge.findings.stuck_on_fallback import LOOK_NS, RETURN_NS
from harness.judge.properties.declaration import Property, WorstRequest
from harness.judge.properties.search_run import SearchRun
from harness.quantities import duration


def _broken(run: SearchRun) -> tuple[str, ...]:
    """Return the requests that came late enough to try the first provider, if none did.

    None where less than 12 s were left to see it.
    """
    first = run.chain.first
    ended_ns = max((window.end_ns for window in run.windows if window.provider in first), default=None)
    if ended_ns is None or run.end_ns - ended_ns < LOOK_NS:
        return ()
    from_ns = ended_ns + RETURN_NS
    if any(each.provider in first and each.start_ns >= from_ns for tried in run.of.values() for each in tried):
        return ()
    return tuple(
        request.request_id
        for request, _ in run.measured()
        if request.scheduled_ns >= from_ns and request.outcome != "dropped"
    )


def _harm(shown: WorstRequest) -> str:
    run = shown.run
    ended_ns = max(window.end_ns for window in run.windows if window.provider in run.chain.first)
    return f"{run.chain.order[0]} is never asked again, although it was healthy for {duration(run.end_ns - ended_ns)}"


RETURNS_TO_PRIMARY = Property(
    name="returns_to_primary",
    broken_by="a run that never tries the first provider again after its last fault",
    check=_broken,
    harm=_harm,
    findings=("stuck_on_fallback",),
    caused_by_all=True,
)
