"""No caller takes a part, a double or an invention for an answer."""

from __future__ import annotations

from harness.history.records import RequestRecord
from harness.http_rules import is_success
from harness.judge.properties.declaration import Property, RequestAttempts, WorstRequest
from harness.judge.properties.search_run import SearchRun, failed, winner

_BROKEN = frozenset({"cut", "reset", "timeout", "malformed"})


def _truncated(request: RequestRecord, attempts: RequestAttempts) -> bool:
    """Return whether half an answer was taken for the whole."""
    if request.outcome != "ok" or not is_success(request.status) or request.complete:
        return False
    serving = winner(request, attempts)
    if serving is None:  # its text names no attempt: the last that began an answer is the one
        serving = next((each for each in reversed(attempts) if is_success(each.status)), None)
    if serving is None:
        return False
    shorter = (
        request.text_chars is not None and serving.text_chars is not None and request.text_chars < serving.text_chars
    )
    return shorter or (is_success(serving.status) and serving.outcome in _BROKEN)


def _doubled(request: RequestRecord) -> bool:
    """Return whether the beginning of an answer came twice; each vector of embeddings names its attempt."""
    return len(request.sources) > 1 and request.kind != "embeddings"


def _swallowed(run: SearchRun, request: RequestRecord, attempts: RequestAttempts) -> bool:
    """Return whether the caller got an answer although all attempts failed."""
    answered = request.outcome == "ok" and is_success(request.status) and not request.complete
    return answered and all(failed(each) for each in attempts) and not _mocked(run, request)


def _mocked(run: SearchRun, request: RequestRecord) -> bool:
    """Return whether the text may be that of a provider that the chain answers for itself."""
    reached = not set(run.order(request)).isdisjoint(run.facts.never_called)
    return reached and bool(request.text_chars) and not request.sources


def _broken(run: SearchRun) -> tuple[str, ...]:
    return tuple(
        request.request_id
        for request, attempts in run.measured()
        if _truncated(request, attempts) or _doubled(request) or _swallowed(run, request, attempts)
    )


def _harm(shown: WorstRequest) -> str:
    request, attempts = shown.request, shown.attempts
    if _doubled(request):
        return "the caller is given the beginning of the answer twice"
    if not request.text_chars:
        return "the caller is given an empty answer reported as success"
    if _swallowed(shown.run, request, attempts) and not any(is_success(each.status) for each in attempts):
        return f"the caller is given a {request.status} although every attempt failed"
    return "the caller is given part of an answer reported as success"


NO_TRUNCATED_SUCCESS = Property(
    name="no_truncated_success",
    broken_by="a request whose caller took a truncated, doubled or invented answer for a whole one",
    check=_broken,
    harm=_harm,
    findings=("truncated_as_success", "duplicated_content", "error_swallowed"),
    about_streams=True,
)
