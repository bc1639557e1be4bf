"""The first provider is tried again once its fault is over."""

from __future__ import annotations

from harness.history.records import RequestRecord
from harness.judge.findings.stuck_on_fallback import LOOK_NS, REQUESTS_MIN, RETURN_NS
from harness.judge.properties.declaration import Property, WorstRequest
from harness.judge.properties.search_run import SearchRun, failed, winner
from harness.quantities import duration


def _broken(run: SearchRun) -> tuple[str, ...]:
    return tuple(request for late in _turned_away(run) if len(late) >= REQUESTS_MIN for request in late)


def _callers_missing(run: SearchRun) -> int:
    most = max(map(len, _turned_away(run)), default=0)
    return max(REQUESTS_MIN - most, 0) if most else 0


def _turned_away(run: SearchRun) -> list[tuple[str, ...]]:
    """Return, by first provider, the requests that came late enough to try it, if none did, and it served none since its fault.

    None where too little time was left to see it.
    """
    firsts = dict.fromkeys(_first(run, request) for request, _ in run.measured())
    return [_turned_away_from(run, first) for first in firsts]


def _first(run: SearchRun, request: RequestRecord) -> frozenset[str]:
    return run.chain.with_peers(run.order(request)[0])


def _turned_away_from(run: SearchRun, first: frozenset[str]) -> tuple[str, ...]:
    ended_ns = _ended_ns(run, first)
    if ended_ns is None:
        return ()
    from_ns = _due_ns(run, first, ended_ns)
    if run.end_ns - from_ns < LOOK_NS - RETURN_NS:
        return ()
    mine = [(request, tried) for request, tried in run.measured() if _first(run, request) == first]
    for request, tried in mine:
        serving = winner(request, tried)
        for each in tried:
            served = each is serving and each.start_ns >= ended_ns
            if each.provider in first and (served or each.start_ns >= from_ns):
                return ()
    return tuple(
        request.request_id for request, _ in mine if request.scheduled_ns >= from_ns and request.outcome != "dropped"
    )


def _ended_ns(run: SearchRun, first: frozenset[str]) -> int | None:
    """Return when the last fault at some providers ended; None if they had none."""
    return max((window.end_ns for window in run.windows if window.provider in first), default=None)


def _due_ns(run: SearchRun, first: frozenset[str], ended_ns: int) -> int:
    """Return from when on somebody must have tried the first provider again."""
    due_ns, failed_ns = ended_ns + RETURN_NS, ended_ns
    for each in (each for tried in run.of.values() for each in tried if each.provider in first):
        if each.end_ns is not None and each.retry_after_ns is not None:
            due_ns = max(due_ns, each.end_ns + each.retry_after_ns)
        if each.end_ns is not None and failed(each):
            failed_ns = max(failed_ns, each.end_ns)
    return max(due_ns, failed_ns + max(run.facts.cooldown_ns.get(name, 0) for name in first))


def _harm(shown: WorstRequest) -> str:
    run, first = shown.run, _first(shown.run, shown.request)
    names = [name for name in run.chain.names if name in first]
    never, healthy = ("is never", "it was") if len(names) == 1 else ("are never", "they were")
    healthy_ns = run.end_ns - (_ended_ns(run, first) or 0)
    return f"{' and '.join(names)} {never} asked again, although {healthy} healthy for {duration(healthy_ns)}"


RETURNS_TO_PRIMARY = Property(
    name="returns_to_primary",
    broken_by="a run that never tries the first provider again after its last fault",
    check=_broken,
    harm=_harm,
    findings=("stuck_on_fallback",),
    callers_missing=_callers_missing,
    caused_by_all=True,
)
