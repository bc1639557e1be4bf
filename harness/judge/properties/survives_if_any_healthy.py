"""A request is answered where one provider was healthy all the while."""

from __future__ import annotations

from harness.chain.facts import REFUSED
from harness.history.records import AttemptRecord, RequestRecord
from harness.http_rules import is_success
from harness.judge.properties.declaration import Property, WorstRequest
from harness.judge.properties.search_run import SearchRun
from harness.quantities import duration, listed

_POLICY_CODES = ("content_filter", "content_policy")


def _broken(run: SearchRun) -> tuple[str, ...]:
    return tuple(
        request.request_id
        for request, attempts in run.measured()
        if not request.complete
        and request.first_token_ns is None
        and not any(_callers_own(each) for each in attempts)
        and _healthy_ones(run, request)
    )


def _callers_own(attempt: AttemptRecord) -> bool:
    """Return whether an answer blames the request itself, so that no provider could have answered it."""
    code = attempt.error_code or ""
    return attempt.status in REFUSED or any(word in code.lower() for word in _POLICY_CODES)


def _healthy_ones(run: SearchRun, request: RequestRecord) -> list[str]:
    """Return those of a request's providers that no fault touched from its start to its end."""
    start_ns = request.scheduled_ns if request.start_ns is None else request.start_ns
    end_ns = run.end_ns if request.end_ns is None else request.end_ns
    touched = {window.provider for window in run.windows if window.start_ns <= end_ns and window.end_ns > start_ns}
    order = run.order(request)
    return [name for name in run.providers if name in order and name not in touched]


def _harm(shown: WorstRequest) -> str:
    run, request = shown.run, shown.request
    healthy = _healthy_ones(run, request)
    if request.client_left:
        given = "gives up"
    elif request.status is None:
        given = "gets no answer at all"
    else:
        given = "gets no complete answer" if is_success(request.status) else f"gets a {request.status}"
    were = "was" if len(healthy) == 1 else "were"
    return f"the caller {given} after {duration(run.waited_ns(request))} although {listed(healthy)} {were} healthy"


def _limit(run: SearchRun, broken_by: tuple[str, ...]) -> str:
    # Other requests may rightly fail: they were at fault themselves, or no provider was healthy.
    failed = sum(not request.complete for request, _ in run.measured())
    return f"failed_requests <= {failed - len(broken_by)}"


SURVIVES_IF_ANY_HEALTHY = Property(
    name="survives_if_any_healthy",
    broken_by="a request without a complete answer although one provider was healthy; not after a 400, 413, 422 or"
    " content-policy answer, nor after its first token",
    check=_broken,
    harm=_harm,
    limit=_limit,
)
