"""A request makes no more attempts than its chain's policy allows."""

from __future__ import annotations

from harness.chain import Chain
from harness.judge.properties.declaration import Attempts, Property, WorstRequest
from harness.judge.properties.search_run import SearchRun

ATTEMPTS = 3
"""Tries at one provider, where the chain does not state them."""


def attempts_max(chain: Chain, providers: int) -> int:
    """Return how many attempts a request may make: so many at each of the providers."""
    retry = chain.retry
    return providers * ((retry.attempts if retry else None) or ATTEMPTS)


def _made(run: SearchRun, attempts: Attempts) -> int:
    return sum(each.provider in run.providers for each in attempts)


def _broken(run: SearchRun) -> tuple[str, ...]:
    most = attempts_max(run.chain, len(run.providers))
    return tuple(request.request_id for request, attempts in run.measured() if _made(run, attempts) > most)


def _harm(shown: WorstRequest) -> str:
    made, most = _made(shown.run, shown.attempts), attempts_max(shown.run.chain, len(shown.run.providers))
    return f"one request makes {made} attempts where the chain's policy allows {most}"


def _limit(run: SearchRun, _broken_by: tuple[str, ...]) -> str:
    return f"max attempts <= {attempts_max(run.chain, len(run.providers))}"


BOUNDED_ATTEMPTS = Property(
    name="bounded_attempts",
    broken_by="a request with more attempts than providers × `retry.attempts` (unstated: 3 each)",
    check=_broken,
    harm=_harm,
    limit=_limit,
    weight=_made,
)
