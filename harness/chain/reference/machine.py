"""The policy of one request: `(now, last result) -> Send | Wait | Done`.

The host carries out what it is told and asks again. So the same code runs on sockets and on a virtual clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.chain.reference.backoff import wait_ns
from harness.chain.reference.breaker import Breaker, Permit
from harness.chain.reference.budget import Budget
from harness.chain.reference.turns import Action, Done, Result, Send, Skip, Tried, Wait
from harness.chain.spec import Chain, Policy, Retry
from harness.draw import draw

TIMEOUT_NS = 60 * 10**9
ATTEMPTS = 2
_RETRYABLE = frozenset({"rate_limit", "server_error", "timeout", "connection"})
_CALLERS_OWN = frozenset({"invalid", "filtered"})
_TELLS_NOTHING = frozenset({"invalid", "filtered", "quota", "denied", "too_late"})


@dataclass(slots=True)
class Shared:
    """What all requests of a chain share.

    Attributes:
        chain: The chain; its `policy` or the default one.
        seed: Fixes every draw.
        breakers: By provider; empty where the policy has none.
        budget: Of retries; None where the policy has none.
    """

    chain: Chain
    seed: int = 0
    breakers: dict[str, Breaker] = field(init=False)
    budget: Budget | None = field(init=False)
    policy: Policy = field(init=False)
    retry: Retry = field(init=False)

    def __post_init__(self) -> None:
        """Make the breakers and the budget that the policy asks for."""
        self.policy = self.chain.policy or Policy()
        self.retry = self.chain.retry or Retry()
        spec = self.policy.breaker
        self.breakers = {} if spec is None else {name: Breaker(spec) for name in self.chain.providers}
        self.budget = None if self.policy.budget is None else Budget(self.policy.budget)


class Request:
    """One request on its way through the chain.

    Args:
        shared: What all requests share.
        name: Fixes, with the seed, what is drawn for this request.
        start_ns: When it came, in nanoseconds on the host's clock.
        order: Providers to ask, in order, in place of the chain's.
        attempts: Tries at a provider, in place of the chain's.
        costs: What an attempt at each provider may cost at most, in USD; one that is not named costs nothing.
    """

    __slots__ = (
        "_attempts",
        "_cost_usd",
        "_costs",
        "_deadline_ns",
        "_done",
        "_hedge_ns",
        "_last",
        "_name",
        "_open",
        "_order",
        "_place",
        "_resort",
        "_sent",
        "_shared",
        "_skipped",
        "_tried",
        "_tries",
        "_until_ns",
        "_waited_ns",
    )

    def __init__(
        self,
        shared: Shared,
        *,
        name: str,
        start_ns: int,
        order: tuple[str, ...] | None = None,
        attempts: int | None = None,
        costs: Mapping[str, float] | None = None,
    ) -> None:
        self._shared = shared
        self._name = name
        self._order = order or shared.chain.order
        self._attempts = attempts or shared.retry.attempts or ATTEMPTS
        self._costs = costs or {}
        self._deadline_ns = start_ns + shared.policy.deadline
        self._place = 0
        self._tries = 0
        self._until_ns = start_ns
        self._waited_ns = 0
        self._hedge_ns: int | None = None
        self._sent = 0
        self._open: dict[int, tuple[int, Permit | None]] = {}
        self._tried: list[Tried] = []
        self._skipped: list[Skip] = []
        self._resort = False
        self._cost_usd = 0.0
        self._last: Result | None = None
        self._done: Done | None = None
        if shared.budget is not None:
            shared.budget.request()

    def step(self, now_ns: int, result: Result | None = None) -> Action:
        """Return what to do next.

        Args:
            now_ns: The time, in nanoseconds on the host's clock; it never goes back.
            result: How an attempt ended; None where none has since the last step.
        """
        if result is not None and self._done is None:
            self._take(now_ns, result)
        if self._done is not None:
            return self._done
        if now_ns >= self._deadline_ns:
            return self._end(now_ns, None)
        if self._open:
            if self._hedge_ns is None or now_ns < self._hedge_ns:
                return Wait(self._deadline_ns if self._hedge_ns is None else min(self._hedge_ns, self._deadline_ns))
            self._hedge_ns = None
            return self._hedge(now_ns)
        if now_ns < self._until_ns:
            return Wait(min(self._until_ns, self._deadline_ns))
        return self._send(now_ns)

    def begun(self) -> None:
        """Take note that the caller has seen a token: nobody else is asked meanwhile."""
        self._hedge_ns = None

    def _take(self, now_ns: int, result: Result) -> None:
        place, permit = self._open.pop(result.attempt)
        provider = self._order[place]
        self._cost_usd += result.cost_usd
        self._tried.append(Tried(provider, result.failure, result.status, result.error))
        self._give_back(now_ns, place, permit, result)
        if result.failure is None:
            self._end(now_ns, result.attempt, served_by=place)
            return
        self._last = result
        whole = self._shared.policy.streams == "restart"
        if result.failure in _CALLERS_OWN or (result.begun and not whole):
            self._end(now_ns, None)
        elif not self._open:
            self._plan(now_ns, place, result)

    def _give_back(self, now_ns: int, place: int, permit: Permit | None, result: Result | None) -> None:
        breaker = self._shared.breakers.get(self._order[place])
        if breaker is None or permit is None:
            return
        failure = None if result is None else result.failure
        told = result is not None and failure not in _TELLS_NOTHING
        breaker.ended(now_ns, permit, ok=failure is None if told else None)

    def _plan(self, now_ns: int, place: int, result: Result) -> None:
        """Decide between another try, after a wait, and the next provider."""
        wait = self._retry_wait_ns(place, result)
        if wait is not None and now_ns + wait < self._deadline_ns and self._may_spend():
            self._until_ns, self._waited_ns = now_ns + wait, wait
            return
        self._on()
        jitter = self._shared.policy.fallback_jitter
        self._until_ns = now_ns + int(jitter * self._draw("fallback"))

    def _retry_wait_ns(self, place: int, result: Result) -> int | None:
        """Return how long to wait before the same provider is tried again; None if it is not to be."""
        retry, policy = self._shared.retry, self._shared.policy
        allowed = _RETRYABLE if retry.on is None else frozenset(retry.on) & _RETRYABLE
        again = result.failure in allowed and self._tries < self._attempts
        if not again or place != self._place or self._resort:
            return None
        told = result.retry_after_ns
        if told is not None:
            return told if told <= policy.retry_after_max else None
        return wait_ns(
            retry.backoff or "full-jitter",
            tries=self._tries,
            base_ns=policy.base,
            cap_ns=policy.cap,
            previous_ns=self._waited_ns,
            drawn=self._draw("backoff"),
        )

    def _may_spend(self) -> bool:
        return self._shared.budget is None or self._shared.budget.spend()

    def _draw(self, purpose: str) -> float:
        return draw(self._shared.seed, purpose, self._name, self._sent)

    def _on(self) -> None:
        self._place += 1
        self._tries = 0
        self._waited_ns = 0

    def _hedge(self, now_ns: int) -> Action:
        """Ask the next provider too, if there is one that may be asked; the first answer counts."""
        place, skipped = self._place + 1, len(self._skipped)
        if place < len(self._order) and (permit := self._admitted(now_ns, place)):
            self._on()
            return self._begin(now_ns, place, permit[0])
        del self._skipped[skipped:]  # its own turn will come
        return Wait(self._deadline_ns)

    def _send(self, now_ns: int) -> Action:
        """Begin the next attempt, at the first provider from here on that may be asked."""
        while self._place < len(self._order):
            if permit := self._admitted(now_ns, self._place):
                return self._begin(now_ns, self._place, permit[0])
            self._on()
        # A breaker may stand open at a provider that is well again: better asked than nobody.
        if not self._resort:
            self._resort = True
            left = [skip.provider for skip in self._skipped if skip.reason == "breaker open"]
            asked = {tried.provider for tried in self._tried}
            self._order = (*self._order, *(name for name in dict.fromkeys(left) if name not in asked))
            if self._place < len(self._order):
                self._skipped = [skip for skip in self._skipped if skip.reason != "breaker open"]
                return self._begin(now_ns, self._place, None)
        return self._end(now_ns, None)

    def _admitted(self, now_ns: int, place: int) -> tuple[Permit | None] | None:
        """Return the permit to ask a provider, in a tuple, as there may be none needed; None if it may not be asked."""
        provider = self._order[place]
        limit = self._shared.policy.max_cost
        if limit is not None and self._cost_usd + self._costs.get(provider, 0.0) > limit:
            self._skipped.append(Skip(provider, "too dear"))
            return None
        breaker = self._shared.breakers.get(provider)
        if breaker is None or self._resort:
            return (None,)
        permit = breaker.admit(now_ns)
        if permit is None:
            self._skipped.append(Skip(provider, "breaker open"))
            return None
        return (permit,)

    def _begin(self, now_ns: int, place: int, permit: Permit | None) -> Send:
        self._sent += 1
        self._tries += 1
        self._open[self._sent] = (place, permit)
        hedge = self._shared.policy.hedge
        if hedge is not None and len(self._open) == 1:
            self._hedge_ns = now_ns + hedge
        timeout = self._shared.chain.timeout or TIMEOUT_NS
        return Send(self._sent, self._order[place], min(timeout, self._deadline_ns - now_ns))

    def _end(self, now_ns: int, attempt: int | None, *, served_by: int | None = None) -> Done:
        for place, permit in self._open.values():
            self._give_back(now_ns, place, permit, None)
        provider = None if served_by is None else self._order[served_by]
        self._done = Done(
            attempt=attempt,
            served_by=provider,
            depth=0 if provider is None else self._order.index(provider),
            tried=tuple(self._tried),
            skipped=tuple(self._skipped),
            cancelled=tuple(self._open),
            cost_usd=self._cost_usd,
            last=None if attempt is not None else self._last,
        )
        self._open = {}
        return self._done
