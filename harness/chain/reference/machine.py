"""The policy of one request: `(now, last result) -> SendAttempt | WaitUntil | Done`.

The host carries out each action and calls again. So the same code runs on sockets and on a virtual clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from harness.chain.facts import Cause
from harness.chain.policy import TEMPORARY, FallbackSpec, Policy
from harness.chain.reference.actions import Action, Done, Result, SendAttempt, Skip, SkipReason, Tried, WaitUntil
from harness.chain.reference.breaker import Breaker, BreakerState, Permit
from harness.chain.reference.budget import RetryBudget
from harness.chain.reference.retries import Retries
from harness.chain.spec import Chain
from harness.draw import draw

TIMEOUT_NS = 60 * 10**9
_FALLS_BACK: tuple[Cause, ...] = (*TEMPORARY, "quota", "denied")
"""Failures after which the next provider is tried, where the chain names none."""
_NO_EVIDENCE = frozenset({"invalid", "content_policy", "context_window", "quota", "denied"})
_FREE = Permit(-1, probe=False)
"""The permit where there is no breaker."""


@dataclass(slots=True)
class Shared:
    """What all requests of a chain share.

    Attributes:
        chain: The chain.
        seed: Fixes every draw.
        changed: Called with each change of a breaker: the provider's name, and what `breaker.Changed` takes.
        policy: The chain's, or the default one.
        retries: Its rules for retries.
        breakers: By provider; empty where the policy has none.
        budget: Of retries; None where the policy has none.
        falls_back_on: Failures after which the next provider is tried.
        lanes: Providers that are tried after one kind of failure, in place of the next ones.
        cost_usd: What all requests have cost so far.
    """

    chain: Chain
    seed: int = 0
    changed: Callable[[str, int, BreakerState, str], None] = field(default=lambda *_: None)
    policy: Policy = field(init=False)
    retries: Retries = field(init=False)
    breakers: dict[str, Breaker] = field(init=False)
    budget: RetryBudget | None = field(init=False)
    falls_back_on: frozenset[str] = field(init=False)
    lanes: Mapping[str, tuple[str, ...]] = field(init=False)
    cost_usd: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Make the policy's breakers and budget."""
        self.policy = self.chain.policy or Policy()
        self.retries = Retries(self.chain, self.policy)
        spec = self.policy.breaker
        self.breakers = {}
        if spec is not None:
            self.breakers = {name: Breaker(spec, partial(self.changed, name)) for name in self.chain.providers}
        self.budget = None if self.policy.budget is None else RetryBudget(self.policy.budget)
        fallback = self.chain.fallback or FallbackSpec()
        self.lanes = fallback.lanes
        self.falls_back_on = frozenset(_FALLS_BACK if fallback.on is None else fallback.on)


class RequestMachine:
    """One request on its way through the chain.

    Args:
        shared: What all requests share.
        name: Fixes, with the seed, what is drawn for this request.
        start_ns: When it came, in nanoseconds on the host's clock.
        order: Providers to try, in order, each once, in place of the chain's.
        attempts: Tries at a provider, in place of the chain's.
        costs: The highest cost of an attempt at each provider, in USD; 0 for one that is not named.
        tokens: Of the prompt and the longest answer that the caller asks for.
    """

    __slots__ = (
        "_attempts",
        "_cost_usd",
        "_costs",
        "_deadline_ns",
        "_done",
        "_failed",
        "_fallbacks",
        "_given_up",
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
        "_tokens",
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
        tokens: int = 0,
    ) -> None:
        self._shared = shared
        self._name = name
        self._order = order or shared.chain.order
        self._attempts = attempts
        self._costs = costs or {}
        self._tokens = tokens
        self._deadline_ns = start_ns + shared.policy.deadline
        self._place = 0
        self._tries = 0
        self._fallbacks = 0
        self._failed: dict[str | None, int] = {}
        self._until_ns = start_ns
        self._waited_ns = 0
        self._hedge_ns: int | None = None
        self._sent = 0
        self._open: dict[int, tuple[int, Permit]] = {}
        self._tried: dict[int, Tried] = {}
        self._given_up: list[int] = []
        self._skipped: dict[str, SkipReason] = {}
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
        if result is not None and result.attempt in self._open:
            self._take(now_ns, result)
        if self._done is not None:
            return self._done
        if now_ns >= self._deadline_ns:
            return self._fail(now_ns, "no time")
        if self._open:
            if self._hedge_ns is None or now_ns < self._hedge_ns:
                return WaitUntil(
                    self._deadline_ns if self._hedge_ns is None else min(self._hedge_ns, self._deadline_ns)
                )
            self._hedge_ns = None
            return self._hedge(now_ns)
        if now_ns < self._until_ns:
            return WaitUntil(min(self._until_ns, self._deadline_ns))
        return self._send(now_ns)

    def begun(self, now_ns: int, attempt: int) -> None:
        """Note that the caller has received a token of an attempt: its answer is used, and all other attempts are given up."""
        if attempt in self._open:
            self._hedge_ns = None
            self._give_up(now_ns, [other for other in self._open if other != attempt])

    def interim(self, attempt: int) -> Done:
        """Return the state while the caller reads an attempt's answer, as if that were complete already."""
        served_by = self._order[self._open[attempt][0]]
        return self._outcome(attempt, served_by, {**self._tried, attempt: Tried(served_by, None, None, "")})

    def leave(self, now_ns: int) -> Done:
        """End because the caller has left. Every abandoned request must end so, or a breaker waits for its probe for ever."""
        return self._done or self._fail(now_ns, "caller gone")

    def _take(self, now_ns: int, result: Result) -> None:
        place, permit = self._open.pop(result.attempt)
        self._cost_usd += result.cost_usd
        self._shared.cost_usd += result.cost_usd
        self._tried[result.attempt] = Tried(self._order[place], result.failure, result.status, result.error)
        evidence = result.failure not in _NO_EVIDENCE
        self._give_back(now_ns, place, permit, ok=result.failure is None if evidence else None)
        if result.failure is None:
            self._end(now_ns, result.attempt, self._order[place])
            return
        self._last = result
        ends = self._why_last(result)
        if result.begun and self._shared.policy.streams != "restart":
            self._fail(now_ns, "answer begun")
        elif ends is not None and not self._shared.retries.tries_again(self._order[place], result):
            self._fail(now_ns, ends)
        elif not self._open:
            self._plan(now_ns, place, result)

    def _give_back(self, now_ns: int, place: int, permit: Permit, *, ok: bool | None) -> None:
        if permit is not _FREE:
            self._shared.breakers[self._order[place]].ended(now_ns, permit, ok=ok)

    def _plan(self, now_ns: int, place: int, result: Result) -> None:
        """Decide between another try, after a wait, the next provider, and the end."""
        if self._sent == self._shared.policy.max_attempts:
            self._fail(now_ns, "no attempt left")
            return
        if place == self._place and not self._resort:
            wait = self._retry_wait_ns(now_ns, result)
            if wait is not None and now_ns + wait < self._deadline_ns and self._may_spend():
                self._until_ns, self._waited_ns = now_ns + wait, wait
                return
        if (ends := self._why_last(result)) is not None:
            self._fail(now_ns, ends)
            return
        self._on()
        if (lane := self._shared.lanes.get(result.failure or "")) is not None:
            asked = {tried.provider for tried in self._tried.values()}
            self._order = (*self._order[: self._place], *(name for name in lane if name not in asked))
        self._until_ns = now_ns
        if self._place < len(self._order):
            self._until_ns += self._shared.policy.fallback_wait.wait_ns(self._fallbacks, self._draw("fallback"))
            self._fallbacks += 1

    def _why_last(self, result: Result) -> SkipReason | None:
        """Return why no other provider is tried after a failure; None if one is."""
        shared, failure = self._shared, result.failure or ""
        if failure in shared.falls_back_on or failure in shared.lanes:
            return None
        declared = shared.chain.fallback is not None and shared.chain.fallback.on is not None
        return "not in fallback.on" if declared else "refused everywhere"

    def _retry_wait_ns(self, now_ns: int, result: Result) -> int | None:
        """Return how long to wait before the same provider is tried again; None if it is not to be."""
        provider = self._order[self._place]
        self._failed[result.failure] = alike = self._failed.get(result.failure, 0) + 1
        wait = self._shared.retries.wait_ns(
            provider,
            result,
            tries=self._tries,
            alike=alike,
            previous_ns=self._waited_ns,
            most=self._attempts,
            drawn=self._draw("backoff"),
        )
        breaker = self._shared.breakers.get(provider)
        if wait is None or breaker is None or breaker.state(now_ns + wait) != "open":
            return wait
        return None  # this wait would buy nothing

    def _may_spend(self) -> bool:
        return self._shared.budget is None or self._shared.budget.spend()

    def _draw(self, purpose: str) -> float:
        return draw(self._shared.seed, purpose, self._name, self._sent)

    def _on(self, place: int | None = None) -> None:
        self._place = self._place + 1 if place is None else place
        self._tries = 0
        self._failed = {}
        self._waited_ns = 0

    def _hedge(self, now_ns: int) -> Action:
        """Ask the next provider that may be asked too, if there is one; the first answer counts."""
        passed: dict[str, SkipReason] = {}
        if self._sent == self._shared.policy.max_attempts:
            return WaitUntil(self._deadline_ns)
        for place in range(self._place + 1, len(self._order)):
            permit = self._permit(now_ns, place)
            if isinstance(permit, str):
                passed[self._order[place]] = permit
                continue
            if not self._may_spend():
                self._give_back(now_ns, place, permit, ok=None)
                break
            self._skipped |= passed
            self._on(place)
            return self._begin(now_ns, permit)
        return WaitUntil(self._deadline_ns)  # providers whose turn has not come are not skipped

    def _send(self, now_ns: int) -> Action:
        """Begin the next attempt, at the first provider from here on that may be asked."""
        while self._place < len(self._order):
            permit = self._permit(now_ns, self._place)
            if not isinstance(permit, str):
                return self._begin(now_ns, permit)
            self._skipped[self._order[self._place]] = permit
            self._on()
        if not self._resort:
            # A breaker may still be open although its provider has recovered: try it once rather than fail.
            self._resort = True
            asked = {tried.provider for tried in self._tried.values()}
            self._order += tuple(n for n, why in self._skipped.items() if why == "breaker open" and n not in asked)
            return self._send(now_ns)
        return self._fail(now_ns, "no time")

    def _permit(self, now_ns: int, place: int) -> Permit | SkipReason:
        """Return the permit to ask a provider, or why it may not be asked."""
        provider = self._order[place]
        shared = self._shared
        most, session = shared.policy.max_cost, shared.policy.session_budget
        if most is not None or session is not None:
            under_way = sum(self._costs.get(self._order[other], 0.0) for other, _ in self._open.values())
            next_usd = under_way + self._costs.get(provider, 0.0)
            if most is not None and self._cost_usd + next_usd > most:
                return "too dear"
            if session is not None and shared.cost_usd + next_usd > session:
                return "budget spent"
        window = shared.chain.providers[provider].context_window
        if window is not None and self._tokens > window:
            return "context too small"
        breaker = shared.breakers.get(provider)
        if breaker is None or self._resort:
            return _FREE
        return breaker.admit(now_ns) or "breaker open"

    def _begin(self, now_ns: int, permit: Permit) -> SendAttempt:
        self._sent += 1
        self._tries += 1
        self._open[self._sent] = (self._place, permit)
        hedge = self._shared.policy.hedge
        self._hedge_ns = (
            now_ns + hedge if hedge is not None and len(self._open) < self._shared.policy.hedge_most else None
        )
        timeout = self._shared.chain.timeout or TIMEOUT_NS
        return SendAttempt(self._sent, self._order[self._place], min(timeout, self._deadline_ns - now_ns))

    def _give_up(self, now_ns: int, attempts: list[int]) -> None:
        for attempt in attempts:
            place, permit = self._open.pop(attempt)
            self._give_back(now_ns, place, permit, ok=None)
            self._tried[attempt] = Tried(self._order[place], "given_up", None, "")
        self._given_up += attempts

    def _fail(self, now_ns: int, why: SkipReason) -> Done:
        """End without an answer; `why` is the reason for every provider that was not tried."""
        for provider in self._order[self._place :]:
            self._skipped.setdefault(provider, why)
        return self._end(now_ns, None, None)

    def _end(self, now_ns: int, attempt: int | None, served_by: str | None) -> Done:
        self._give_up(now_ns, list(self._open))
        self._done = self._outcome(attempt, served_by, self._tried)
        return self._done

    def _outcome(self, attempt: int | None, served_by: str | None, tried: Mapping[int, Tried]) -> Done:
        asked = {each.provider for each in tried.values()}
        return Done(
            attempt=attempt,
            served_by=served_by,
            depth=0 if served_by is None else self._order.index(served_by),
            order=self._order,
            tried=tuple(tried[number] for number in sorted(tried)),
            skipped=tuple(Skip(name, why) for name, why in self._skipped.items() if name not in asked),
            cancelled=tuple(self._given_up),
            cost_usd=self._cost_usd,
            last=None if attempt is not None else self._last,
        )
