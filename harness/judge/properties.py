"""What must hold whatever breaks: the eight properties that `harness explore` tries to break.

Where a finding says the same as a property, a test holds the two together on random histories.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.chain import Chain
from harness.judge.account import (
    Account,
    callers_own,
    failures_ns,
    healthy,
    in_vain,
    out_of_turn,
    swallowed,
    too_early,
    truncated,
)
from harness.judge.findings.routing import LOOK_NS, RETURN_NS

ATTEMPTS = 3
"""Tries at one provider, where the chain does not state them."""
TIMEOUT_NS = 60 * 10**9
"""Of one attempt, where the chain does not state it."""


def survives_if_any_healthy(run: Account) -> tuple[str, ...]:
    """Return the requests without a complete answer although one provider was healthy all the while.

    Not those that no provider could have answered (a 400, 413, 422 or an answer by a content policy), nor those whose
    caller had seen a first token.
    """
    return tuple(
        request.request_id
        for request, attempts in run.measured()
        if not request.complete
        and request.first_token_ns is None
        and not any(callers_own(each) for each in attempts)
        and any(healthy(run, provider, request) for provider in run.providers)
    )


def bounded_attempts(run: Account) -> tuple[str, ...]:
    """Return the requests with more attempts than providers × attempts at each."""
    limit = attempts_max(run.chain, len(run.providers))
    return tuple(
        request.request_id
        for request, attempts in run.measured()
        if sum(each.provider in run.providers for each in attempts) > limit
    )


def bounded_latency(run: Account) -> tuple[str, ...]:
    """Return the requests that ended later than the deadline after their intended start, or never."""
    return tuple(
        request.request_id
        for request, _ in run.measured()
        if request.outcome != "dropped"
        and (request.end_ns is None or request.end_ns - request.scheduled_ns > run.deadline_ns)
    )


def respects_retry_after(run: Account) -> tuple[str, ...]:
    """Return the requests that retried a provider before the time that it had told them."""
    return tuple(request.request_id for request, attempts in run.measured() if too_early(run, attempts))


def no_retry_on_non_retryable(run: Account) -> tuple[str, ...]:
    """Return the requests that went back to a provider after an answer that no retry can change."""
    return tuple(request.request_id for request, attempts in run.measured() if in_vain(run, attempts))


def returns_to_primary(run: Account) -> tuple[str, ...]:
    """Return the requests that came 10 s after the first provider's last fault or later, if none of all tried it by then.

    None where less than 12 s were left to see it.
    """
    first = run.first
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


def order_respected(run: Account) -> tuple[str, ...]:
    """Return the requests that tried a provider before its turn.

    An earlier one had not been tried in this request, and nothing told that it was out of order: no failed attempt in the
    last 60 s, no connection fault.
    """
    ends_ns = failures_ns(run)
    return tuple(request.request_id for request, attempts in run.measured() if out_of_turn(run, attempts, ends_ns))


def no_truncated_success(run: Account) -> tuple[str, ...]:
    """Return the requests that took for a whole answer what was a half, two beginnings, or nobody's."""
    return tuple(
        request.request_id
        for request, attempts in run.measured()
        if truncated(request, attempts) or len(set(request.sources)) > 1 or swallowed(request, attempts)
    )


PROPERTIES: Mapping[str, Callable[[Account], tuple[str, ...]]] = {
    check.__name__: check
    for check in (
        survives_if_any_healthy,
        bounded_attempts,
        bounded_latency,
        respects_retry_after,
        no_retry_on_non_retryable,
        returns_to_primary,
        order_respected,
        no_truncated_success,
    )
}
"""By name. Each returns the requests that break it, in order; none where it holds."""

FINDINGS: Mapping[str, tuple[str, ...]] = {
    "respects_retry_after": ("retry_after_ignored",),
    "no_retry_on_non_retryable": ("non_retryable_retried", "quota_retried"),
    "returns_to_primary": ("stuck_on_fallback",),
    "order_respected": ("wrong_order",),
    "no_truncated_success": ("truncated_as_success", "duplicated_content", "error_swallowed"),
}
"""The findings that say the same of a run as a property does."""


def broken(run: Account) -> dict[str, tuple[str, ...]]:
    """Return each property that does not hold, with the requests that break it."""
    return {name: shown for name, check in PROPERTIES.items() if (shown := check(run))}


def attempts_max(chain: Chain, providers: int) -> int:
    """Return how many attempts a request may make: so many at each of the providers."""
    retry = chain.retry
    return providers * ((retry.attempts if retry else None) or ATTEMPTS)


def deadline_ns(chain: Chain, providers: int) -> int:
    """Return how long a request may take unless somebody says otherwise: an attempt's timeout for each provider."""
    return (chain.timeout or TIMEOUT_NS) * providers
