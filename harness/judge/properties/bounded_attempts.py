"""A request makes no more attempts than its chain's policy allows."""

from __future__ import annotations

from harness.judge.properties.declaration import Property, RequestAttempts, WorstRequest
from harness.judge.properties.search_run import SearchRun


def _made(run: SearchRun, attempts: RequestAttempts) -> int:
    return sum(each.provider in run.providers for each in attempts)


def _broken(run: SearchRun) -> tuple[str, ...]:
    most = run.attempts_max
    return tuple(request.request_id for request, attempts in run.measured() if _made(run, attempts) > most)


def _harm(shown: WorstRequest) -> str:
    made, most = _made(shown.run, shown.attempts), shown.run.attempts_max
    return f"one request makes {made} attempts where the chain's policy allows {most}"


def _limit(run: SearchRun, _broken_by: tuple[str, ...]) -> str:
    return f"max attempts <= {run.attempts_max}"


BOUNDED_ATTEMPTS = Property(
    name="bounded_attempts",
    broken_by="a request with more attempts than the chain's policy allows over its providers (unstated: 3 each)",
    check=_broken,
    harm=_harm,
    limit=_limit,
    weight=_made,
)
