"""A small run in plain Python, and what can be seen of single requests: what the properties are made of.

One request at a time and without columns: a search judges thousands of runs a minute, and to lay out columns would take
longer than the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.chain import Chain
from harness.history.records import WARMUP, AttemptRecord, RequestRecord
from harness.judge.columns import TOLERANCE_NS
from harness.judge.findings.retrying import NON_RETRYABLE, PAYMENT_REQUIRED, QUOTA_CODES, QUOTA_PRESETS
from harness.judge.findings.routing import MEMORY_NS
from harness.scenario import Window

Pair = tuple[AttemptRecord, AttemptRecord]
"""A failed attempt and the request's next one at the same provider."""
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

    def retries(self, attempts: list[AttemptRecord]) -> Iterator[Pair]:
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


def too_early(run: Account, attempts: list[AttemptRecord]) -> list[Pair]:
    """Return the retries that began before the time that they had been told."""
    return [(before, after) for before, after in run.retries(attempts) if early_ns(before, after) > TOLERANCE_NS]


def early_ns(before: AttemptRecord, after: AttemptRecord) -> int:
    """Return how much too early a retry began; below 0 where nothing was told."""
    if before.retry_after_ns is None or before.end_ns is None:
        return -1
    return before.end_ns + before.retry_after_ns - after.start_ns


def in_vain(run: Account, attempts: list[AttemptRecord]) -> list[Pair]:
    """Return the retries after an answer that no retry can change."""
    spent = {window.fault_id for window in run.windows if window.inject.error in QUOTA_PRESETS}
    return [
        (before, after)
        for before, after in run.retries(attempts)
        if before.status in NON_RETRYABLE or _quota(before, spent)
    ]


def failures_ns(run: Account) -> dict[str, list[int]]:
    """Return when the failed attempts at each provider of the order ended."""
    return {
        name: [
            each.end_ns or each.start_ns
            for tried in run.of.values()
            for each in tried
            if each.provider == name and _failed(each)
        ]
        for name in run.chain.order
    }


def out_of_turn(
    run: Account, attempts: list[AttemptRecord], ends_ns: Mapping[str, Sequence[int]]
) -> tuple[str, str] | None:
    """Return the first provider that was tried before its turn, and whose turn it was; None if all were in turn.

    Args:
        run: The run.
        attempts: Those of one request, in order.
        ends_ns: From `failures_ns`.
    """
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
                return attempt.provider, earlier
    return None


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


def truncated(request: RequestRecord, attempts: list[AttemptRecord]) -> bool:
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


def swallowed(request: RequestRecord, attempts: list[AttemptRecord]) -> bool:
    """Return whether an answer came of attempts that all failed."""
    answered = request.outcome == "ok" and _fine(request.status) and not request.complete
    return answered and all(_failed(each) for each in attempts)


def healthy(run: Account, provider: str, request: RequestRecord) -> bool:
    """Return whether no fault touched a provider from a request's start to its end."""
    start_ns = request.scheduled_ns if request.start_ns is None else request.start_ns
    end_ns = run.end_ns if request.end_ns is None else request.end_ns
    return not any(
        window.provider == provider and window.start_ns <= end_ns and window.end_ns > start_ns for window in run.windows
    )


def callers_own(attempt: AttemptRecord) -> bool:
    """Return whether an answer says that the request itself is at fault, so that no provider could have answered it."""
    code = attempt.error_code or ""
    return attempt.status in _CALLERS_OWN or any(word in code.lower() for word in _POLICY_CODES)


def _quota(attempt: AttemptRecord, spent: set[str]) -> bool:
    named = attempt.error_code in QUOTA_CODES or attempt.fault_id in spent
    return attempt.status == PAYMENT_REQUIRED or (attempt.status == 429 and named)


def _failed(attempt: AttemptRecord) -> bool:
    return attempt.outcome != "ok"


def _fine(status: int | None) -> bool:
    return status is not None and 200 <= status < 300
