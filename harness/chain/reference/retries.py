"""Whether a provider is tried again after a failure, and when."""

from __future__ import annotations

from typing import NamedTuple

from harness.chain.policy import TEMPORARY, Backoff, Policy, Retry
from harness.chain.reference.actions import Result
from harness.chain.reference.backoff import wait_ns
from harness.chain.spec import Chain
from harness.chain.waits import WaitRule

ATTEMPTS = 2
"""Tries at one provider, if neither the chain nor its policy sets a number."""
FACTOR = 2.0
"""By how much waits grow, likewise."""


class Rule(NamedTuple):
    """What holds for one provider.

    Attributes:
        attempts: Tries at it in one request, the first included.
        backoff: How waits grow.
        factor: By how much each is longer than the one before it.
        on: Failures after which it is tried again.
    """

    attempts: int
    backoff: Backoff
    factor: float
    on: frozenset[str]


class Retries:
    """A chain's rules for retries."""

    __slots__ = ("_after", "_policy", "_rules")

    def __init__(self, chain: Chain, policy: Policy) -> None:
        self._policy = policy
        self._after: dict[str, int] = dict(policy.retries_after.items())
        self._rules = {name: rule(chain, policy, name) for name in chain.providers}

    def tries_again(self, provider: str, result: Result) -> bool:
        """Return whether a provider may be tried again after such a failure, as far as the failure decides it."""
        return result.failure in self._rules[provider].on

    def wait_ns(
        self, provider: str, result: Result, *, tries: int, alike: int, previous_ns: int, most: int | None, drawn: float
    ) -> int | None:
        """Return how long to wait before a provider is tried again, in nanoseconds; None if it is not to be.

        A Retry-After is waited for exactly; one that is too long ends the tries at this provider.

        Args:
            provider: Which.
            result: How the last try ended.
            tries: Tries at it so far in this request.
            alike: How many of them failed in this way.
            previous_ns: The wait before the last try, in nanoseconds; 0 for the first.
            most: Tries that this request may make, in place of the chain's.
            drawn: A number in [0, 1).
        """
        rule, policy = self._rules[provider], self._policy
        if result.failure not in rule.on or tries >= (most or rule.attempts):
            return None
        if alike > self._after.get(result.failure, tries):
            return None
        retry_after_ns = result.retry_after_ns
        if retry_after_ns is not None:
            return retry_after_ns if retry_after_ns <= policy.retry_after_max else None
        return wait_ns(
            rule.backoff,
            tries=tries,
            base_ns=policy.base,
            cap_ns=policy.cap,
            factor=rule.factor,
            previous_ns=previous_ns,
            drawn=drawn,
        )


def rule(chain: Chain, policy: Policy, provider: str) -> Rule:
    """Return what holds for a provider: its own `retry_at`, else the chain's `retry`, else our default."""
    own, common = policy.retry_at.get(provider, Retry()), chain.retry or Retry()
    on = own.on if own.on is not None else common.on
    return Rule(
        attempts=own.attempts or common.attempts or ATTEMPTS,
        backoff=own.backoff or common.backoff or "full-jitter",
        factor=own.factor or common.factor or FACTOR,
        on=frozenset(TEMPORARY if on is None else on),
    )


CERTAIN = {"full-jitter": 0.0, "equal-jitter": 0.5}
"""The part of a wait that is not drawn, where some of it is."""


def waits(chain: Chain) -> dict[str, WaitRule]:
    """Return by which rule the reference chain waits before it tries each provider again."""
    policy = chain.policy or Policy()
    found = {}
    for name in chain.providers:
        own = rule(chain, policy, name)
        found[name] = WaitRule(
            name=f"the chain's policy ({own.backoff})",
            base_ns=policy.base,
            factor=1.0 if own.backoff == "fixed" else own.factor,
            cap_ns=policy.cap,
            certain=CERTAIN.get(own.backoff, 1.0),
            follows=own.backoff == "decorrelated",
            told_to_ns=policy.retry_after_max,
        )
    return found
