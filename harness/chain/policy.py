"""How a chain retries, falls back and gives up, as its file says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from harness.chain.facts import Cause
from harness.document.marks import STRICT, Ge, Gt, Le
from harness.document.units import Duration, Share

Backoff = Literal["exponential", "fixed", "full-jitter", "equal-jitter", "decorrelated"]
TEMPORARY: tuple[Cause, ...] = ("rate_limit", "server_error", "timeout", "connection")
"""Failures that may be over at the next try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often one provider is tried.

    Attributes:
        attempts: Tries at one provider, the first included.
        backoff: How waits between them grow.
        factor: By how much each wait is longer than the one before it, where they grow exponentially.
        on: After which failures a provider is tried again; None leaves it to the chain.
    """

    __pydantic_config__ = STRICT

    attempts: Annotated[int, Ge(1), Le(100)] | None = None
    backoff: Backoff | None = None
    factor: Annotated[float, Ge(1), Le(5)] | None = None
    on: tuple[Cause, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackSpec:
    """When another provider is tried, and which.

    Attributes:
        on: Failures after which a request falls back; None leaves it to the chain.
        content_policy: Providers to try, in this order, after a content policy has refused the request, in place of those
            that the order has next.
        context_window: Likewise where the request is too long for the model.
    """

    __pydantic_config__ = STRICT

    on: tuple[Cause, ...] | None = None
    content_policy: tuple[str, ...] = ()
    context_window: tuple[str, ...] = ()

    @property
    def lanes(self) -> dict[str, tuple[str, ...]]:
        """Providers that are tried after one kind of failure alone, by kind."""
        lanes = {"content_policy": self.content_policy, "context_window": self.context_window}
        return {kind: lane for kind, lane in lanes.items() if lane}


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackWait:
    """How long a request waits before the next provider, drawn evenly between two bounds.

    Attributes:
        min: The least, in nanoseconds.
        max: The most, in nanoseconds.
        growth: By how much both are longer at each further fallback of the request.
        most: The most that they grow to, as a multiple.
    """

    __pydantic_config__ = STRICT

    min: Duration = 0
    max: Duration = 100_000_000
    growth: Annotated[float, Ge(1), Le(10)] = 1.0
    most: Annotated[float, Ge(1), Le(1000)] = 1000.0

    def wait_ns(self, earlier: int, drawn: float) -> int:
        """Return a wait, in nanoseconds.

        Args:
            earlier: The request's fallbacks before this one.
            drawn: A number in [0, 1).
        """
        grown = min(self.growth**earlier, self.most)
        return int(grown * (self.min + (self.max - self.min) * drawn))


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSpec:
    """A circuit breaker at every provider.

    Attributes:
        failures: Failures in a row that open it.
        open: How long it lets nothing pass, in nanoseconds.
        probes: How many attempts may probe at a time after that.
    """

    __pydantic_config__ = STRICT

    failures: Annotated[int, Ge(1), Le(10_000)] = 5
    open: Annotated[Duration, Gt(0)] = 10 * 10**9
    probes: Annotated[int, Ge(1), Le(1000)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpec:
    """A retry budget over all requests.

    Attributes:
        share: Retries per request, in the long run.
        floor: Retries that a chain without traffic may make.
    """

    __pydantic_config__ = STRICT

    share: Share = 0.2
    floor: Annotated[int, Ge(1), Le(10**6)] = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a chain does beyond its order, its retries and the timeout of an attempt. Its driver says what it can carry out.

    Attributes:
        retry_at: By provider, what differs from the chain's `retry` there.
        retries_after: By kind of failure, how often one provider is tried again after it in one request; where a kind is
            not named, `attempts` alone is the limit.
        base: The first wait between tries at a provider, in nanoseconds.
        cap: The longest, in nanoseconds.
        retry_after_max: The longest Retry-After that is waited for, in nanoseconds; a longer one is a reason to fall back.
        fallback_wait: How long a request waits before the next provider.
        max_attempts: Tries of one request at all providers together; no limit if None.
        deadline: Of a request with all its attempts, in nanoseconds.
        breaker: Leaves a provider that fails alone for a while; none if None.
        budget: Bounds retries over all requests; none if None.
        first_token: The longest time to an attempt's first token, in nanoseconds.
        idle: How long a stream may go without a token after that, in nanoseconds; comments are none.
        hedge: How long an attempt may be silent before the next provider is asked too, in nanoseconds; never if None.
        hedge_most: Providers that are asked at the same time, at most.
        max_cost: The most that a request may cost, in USD; dearer providers are skipped. No limit if None.
        session_budget: The most that all requests of the chain may cost together, in USD; no limit if None.
        allowed_fails: Failures of a deployment in a minute after which one more puts it into cooldown.
        cooldown: How long a deployment rests then, in nanoseconds.
        streams: `before-first-token` falls back until the caller has seen a token; `restart` holds tokens back until the
            answer is complete, and so can always fall back.
    """

    __pydantic_config__ = STRICT

    retry_at: dict[str, Retry] = field(default_factory=dict)
    retries_after: dict[Cause, Annotated[int, Ge(0), Le(100)]] = field(default_factory=dict)
    base: Annotated[Duration, Gt(0)] = 500_000_000
    cap: Annotated[Duration, Gt(0)] = 8 * 10**9
    retry_after_max: Duration = 10 * 10**9
    fallback_wait: FallbackWait = FallbackWait()
    max_attempts: Annotated[int, Ge(1), Le(1000)] | None = None
    deadline: Annotated[Duration, Gt(0)] = 60 * 10**9
    breaker: BreakerSpec | None = BreakerSpec()
    budget: BudgetSpec | None = BudgetSpec()
    first_token: Annotated[Duration, Gt(0)] = 10 * 10**9
    idle: Annotated[Duration, Gt(0)] = 10 * 10**9
    hedge: Annotated[Duration, Gt(0)] | None = None
    hedge_most: Annotated[int, Ge(2), Le(10)] = 2
    max_cost: Annotated[float, Gt(0)] | None = None
    session_budget: Annotated[float, Gt(0)] | None = None
    allowed_fails: Annotated[int, Ge(0), Le(10_000)] | None = None
    cooldown: Annotated[Duration, Gt(0)] | None = None
    streams: Literal["before-first-token", "restart"] = "before-first-token"
