"""Chains that are wrong on purpose: the reference chain, each with one bug in its policy, and the one without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from harness.chain import Chain, Retry
from harness.chain.policy import BreakerSpec, Policy
from harness.chain.reference.actions import Result
from harness.chain.reference.machine import RequestMachine
from harness.drivers.reference import host
from harness.quantities import S
from tests.plans import chain

NAMES = ("openai", "azure", "anthropic")

CORRECT = chain(
    *NAMES,
    retry=Retry(attempts=2),
    timeout=2 * S,
    policy=Policy(deadline=30 * S, first_token=2 * S, idle=2 * S, retry_after_max=2 * S, cap=2 * S),
)
"""Patient enough to reach its last provider in time, whatever the others do."""
assert CORRECT.policy is not None

PATIENT = replace(
    CORRECT,
    retry=Retry(attempts=1),
    timeout=10 * S,
    policy=replace(CORRECT.policy, deadline=15 * S, first_token=10 * S, idle=10 * S),
)
"""Waits so long for each provider that only its deadline bounds a request."""


class IgnoresRetryAfter(RequestMachine):
    """Waits by its own backoff, whatever Retry-After asks."""

    def _take(self, now_ns: int, result: Result) -> None:
        super()._take(now_ns, result._replace(retry_after_ns=None))


class RetriesBadRequest(RequestMachine):
    """Takes a 400 for a fault of the provider."""

    def _take(self, now_ns: int, result: Result) -> None:
        super()._take(now_ns, result._replace(failure="server_error") if result.status == 400 else result)


class ForgetsThird(RequestMachine):
    """Asks the first two providers alone."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self._order = self._order[:2]


class RetriesWithoutEnd(RequestMachine):
    """Takes what bounds its attempts for something else."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **{**fields, "attempts": 10**6})


class DropsDeadline(RequestMachine):
    """Forgets its deadline when it goes on to the next provider."""

    def _on(self, *place: Any) -> None:
        super()._on(*place)
        self._deadline_ns += 3600 * S


class AsksTheLastFirst(RequestMachine):
    """Takes its fallbacks from the wrong end."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self._order = (self._order[0], *reversed(self._order[1:]))


class KeepsBreakersOpen(RequestMachine):
    """Never lets a breaker that has opened pass anything again."""

    def _take(self, now_ns: int, result: Result) -> None:
        super()._take(now_ns, result)
        for breaker in self._shared.breakers.values():
            if breaker._opened_ns is not None:
                breaker._opened_ns = 10**6 * S


class TakesHalfForWhole(RequestMachine):
    """Does not mind how a stream ends."""

    def _take(self, now_ns: int, result: Result) -> None:
        super()._take(now_ns, result._replace(failure=None) if result.begun else result)


@contextmanager
def hosted(**instead: Callable[..., Any]) -> Iterator[None]:
    """Host every reference chain with these in place of what the host's module calls so."""
    right = {name: getattr(host, name) for name in instead}
    try:
        for name, wrong in instead.items():
            setattr(host, name, wrong)
        yield
    finally:
        for name, own in right.items():
            setattr(host, name, own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A bug.

    Attributes:
        breaks: The property that it breaks.
        chain: Where it is; its policy's deadline is what bounds a request.
        request: The policy with the bug in it; the right one where the bug is in the chain's own fields.
    """

    breaks: str
    chain: Chain = CORRECT
    request: Callable[..., RequestMachine] = RequestMachine

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Host every reference chain with this bug meanwhile."""
        with hosted(RequestMachine=self.request):
            yield


BUGS = {
    "ignores-retry-after": Planted(breaks="respects_retry_after", request=IgnoresRetryAfter),
    "retries-a-400": Planted(breaks="no_retry_on_non_retryable", request=RetriesBadRequest),
    "forgets-the-third-provider": Planted(breaks="survives_if_any_healthy", request=ForgetsThird),
    "never-returns-to-the-primary": Planted(
        breaks="returns_to_primary",
        chain=replace(CORRECT, policy=replace(CORRECT.policy, breaker=BreakerSpec(failures=1))),
        request=KeepsBreakersOpen,
    ),
    "retries-without-end": Planted(
        breaks="bounded_attempts",
        chain=replace(CORRECT, policy=replace(CORRECT.policy, breaker=None, budget=None)),
        request=RetriesWithoutEnd,
    ),
    "asks-the-last-first": Planted(breaks="order_respected", request=AsksTheLastFirst),
    "takes-half-for-whole": Planted(breaks="no_truncated_success", request=TakesHalfForWhole),
    "drops-the-deadline": Planted(breaks="bounded_latency", chain=PATIENT, request=DropsDeadline),
}
