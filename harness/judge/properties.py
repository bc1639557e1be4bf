"""What must hold whatever breaks: the eight properties that `harness explore` tries to break.

Plain Python over a small history, one request at a time: a search judges thousands of runs a minute, and to lay out
columns would take longer than the run. Where a finding says the same as a property, a test holds the two together on
random histories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.chain import Chain
from harness.history.records import WARMUP, AttemptRecord, RequestRecord
from harness.judge.columns import TOLERANCE_NS
from harness.judge.findings.retrying import NON_RETRYABLE, PAYMENT_REQUIRED, QUOTA_CODES, QUOTA_PRESETS
from harness.judge.findings.routing import LOOK_NS, MEMORY_NS, RETURN_NS
from harness.scenario import Window

ATTEMPTS = 3
"""Tries at one provider, where the chain does not state them."""
TIMEOUT_NS = 60 * 10**9
"""Of one attempt, where the chain does not state it."""
_CALLERS_OWN = frozenset({400, 413, 422})
_POLICY_CODES = ("content_filter", "content_policy")
_BROKEN = frozenset({"cut", "reset", "timeout", "malformed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A small run, as the properties look at it.

    Attributes:
        requests: All of them.
        attempts: All of them, in any order.
        windows: The faults of the plan.
        chain: The chain.
        providers: Names of those that count.
        deadline_ns: How long a request may take from its intended start, in nanoseconds.
        end_ns: End of the last phase.
        of: The attempts of each measured request, in order.
    """

    requests: Sequence[RequestRecord]
    attempts: Sequence[AttemptRecord]
    windows: Sequence[Window]
    chain: Chain
    providers: tuple[str, ...]
    deadline_ns: int
    end_ns: int
    of: Mapping[str, list[AttemptRecord]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sort the attempts by request."""
        of: dict[str, list[AttemptRecord]] = {
            each.request_id: [] for each in self.requests if each.phase != WARMUP and each.scheduled_ns >= 0
        }
        for attempt in sorted(self.attempts, key=lambda each: (each.start_ns, each.number)):
            if attempt.request_id in of:
                of[attempt.request_id].append(attempt)
        object.__setattr__(self, "of", of)

    def measured(self) -> Iterator[tuple[RequestRecord, list[AttemptRecord]]]:
        """Yield each request with its attempts."""
        for request in self.requests:
            if request.request_id in self.of:
                yield request, self.of[request.request_id]

    def retries(self, attempts: list[AttemptRecord]) -> Iterator[tuple[AttemptRecord, AttemptRecord]]:
        """Yield each failed attempt of a request with the next one at the same provider, unless both were open at once."""
        for provider in dict.fromkeys(each.provider for each in attempts):
            for before, after in pairwise(each for each in attempts if each.provider == provider):
                if _failed(before) and before.end_ns is not None and after.start_ns >= before.end_ns - TOLERANCE_NS:
                    yield before, after

    @property
    def order(self) -> tuple[str, ...]:
        """All providers: those in the chain's order, then the others."""
        return (*self.chain.order, *(name for name in self.chain.providers if name not in self.chain.order))

    @property
    def first(self) -> frozenset[str]:
        """The primary and its peers."""
        return self.peers(self.chain.order[0])

    def peers(self, provider: str) -> frozenset[str]:
        """Return a provider and those among which the chain picks at will."""
        return frozenset({provider}).union(*(peers for peers in self.chain.peers if provider in peers))


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
        and not any(_callers_own(each) for each in attempts)
        and any(_healthy(run, provider, request) for provider in run.providers)
    )


def bounded_attempts(run: Account) -> tuple[str, ...]:
    """Return the requests with more attempts than providers × attempts at each."""
    retry = run.chain.retry
    limit = len(run.providers) * ((retry.attempts if retry else None) or ATTEMPTS)
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
    return tuple(
        request.request_id
        for request, attempts in run.measured()
        if any(
            before.retry_after_ns is not None
            and (before.end_ns or 0) + before.retry_after_ns - after.start_ns > TOLERANCE_NS
            for before, after in run.retries(attempts)
        )
    )


def no_retry_on_non_retryable(run: Account) -> tuple[str, ...]:
    """Return the requests that went back to a provider after an answer that no retry can change."""
    spent = {window.fault_id for window in run.windows if window.inject.error in QUOTA_PRESETS}
    return tuple(
        request.request_id
        for request, attempts in run.measured()
        if any(before.status in NON_RETRYABLE or _quota(before, spent) for before, _ in run.retries(attempts))
    )


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
    ends_ns = {
        name: [
            each.end_ns or each.start_ns
            for tried in run.of.values()
            for each in tried
            if each.provider == name and _failed(each)
        ]
        for name in run.chain.order
    }
    return tuple(request.request_id for request, attempts in run.measured() if _out_of_turn(run, attempts, ends_ns))


def no_truncated_success(run: Account) -> tuple[str, ...]:
    """Return the requests that took for a whole answer what was a half, two beginnings, or nobody's."""
    return tuple(
        request.request_id
        for request, attempts in run.measured()
        if _truncated(request, attempts) or len(set(request.sources)) > 1 or _swallowed(request, attempts)
    )


def _out_of_turn(run: Account, attempts: list[AttemptRecord], ends_ns: Mapping[str, Sequence[int]]) -> bool:
    order = run.chain.order
    for attempt in attempts:
        if attempt.provider not in order:
            continue
        own = run.peers(attempt.provider)
        for earlier in order[: order.index(attempt.provider)]:
            peers = run.peers(earlier)
            if earlier in own or any(each.provider in peers and each.start_ns <= attempt.start_ns for each in attempts):
                continue
            if not _excused(run, earlier, attempt.start_ns, ends_ns[earlier]):
                return True
    return False


def _excused(run: Account, earlier: str, at_ns: int, ends_ns: Sequence[int]) -> bool:
    """Return whether a breaker of an earlier provider may have been open."""
    since_ns = at_ns - MEMORY_NS - TOLERANCE_NS
    return any(since_ns <= end_ns <= at_ns + TOLERANCE_NS for end_ns in ends_ns) or any(
        window.provider == earlier
        and window.inject.connection is not None
        and window.start_ns <= at_ns
        and window.end_ns >= since_ns
        for window in run.windows
    )


def _truncated(request: RequestRecord, attempts: list[AttemptRecord]) -> bool:
    """Return whether half an answer was taken for the whole."""
    if request.outcome != "ok" or not _fine(request.status) or request.complete:
        return False
    serving = _winner(request, attempts)
    if serving is None:  # its text names no attempt: the last that began an answer is the one
        serving = next((each for each in reversed(attempts) if _fine(each.status)), None)
    if serving is None:
        return False
    shorter = (
        request.text_chars is not None and serving.text_chars is not None and request.text_chars < serving.text_chars
    )
    return shorter or (_fine(serving.status) and serving.outcome in _BROKEN)


def _winner(request: RequestRecord, attempts: list[AttemptRecord]) -> AttemptRecord | None:
    if request.served_attempt is not None:
        return next((each for each in attempts if each.attempt_id == request.served_attempt), None)
    if request.sources:
        return None
    return next((each for each in reversed(attempts) if not _failed(each)), None)


def _swallowed(request: RequestRecord, attempts: list[AttemptRecord]) -> bool:
    """Return whether an answer came of attempts that all failed."""
    answered = request.outcome == "ok" and _fine(request.status) and not request.complete
    return answered and all(_failed(each) for each in attempts)


def _healthy(run: Account, provider: str, request: RequestRecord) -> bool:
    """Return whether no fault touched a provider from a request's start to its end."""
    start_ns = request.scheduled_ns if request.start_ns is None else request.start_ns
    end_ns = run.end_ns if request.end_ns is None else request.end_ns
    return not any(
        window.provider == provider and window.start_ns <= end_ns and window.end_ns > start_ns for window in run.windows
    )


def _callers_own(attempt: AttemptRecord) -> bool:
    code = attempt.error_code or ""
    return attempt.status in _CALLERS_OWN or any(word in code.lower() for word in _POLICY_CODES)


def _quota(attempt: AttemptRecord, spent: set[str]) -> bool:
    named = attempt.error_code in QUOTA_CODES or attempt.fault_id in spent
    return attempt.status == PAYMENT_REQUIRED or (attempt.status == 429 and named)


def _failed(attempt: AttemptRecord) -> bool:
    return attempt.outcome != "ok"


def _fine(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


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


def deadline_ns(chain: Chain, providers: int) -> int:
    """Return how long a request may take unless somebody says otherwise: an attempt's timeout for each provider."""
    return (chain.timeout or TIMEOUT_NS) * providers
