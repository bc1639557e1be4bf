"""The counts of a run that goes on: rows of all processes, joined as they come.

An attempt counts once both the edge and the chain have written it, a request once its attempts are there. A row that
another process should have written is waited for for `GRACE_S`.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from harness.history.join import chain_only, from_cache, known_to_chain, serve
from harness.history.records import (
    WARMUP,
    AttemptRecord,
    ChainAttempt,
    HealthRecord,
    ProviderState,
    RequestRecord,
)
from harness.scenario import Plan
from harness.store.capture import EdgeAttempt, Origin, Row
from harness.watch import instruments as names
from harness.watch.counts import Counts
from harness.watch.gauges import changed, faults, health, unbroken
from harness.watch.outcomes import outcome_of
from harness.watch.steps import FallbackStep, StepFinder, retries

GRACE_S = 0.5
"""How long a row is waited for that should be there: rows are on the disk within 50 ms, and read within 100 ms."""
_WARM = f"{WARMUP}-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that was counted a moment ago.

    Attributes:
        at_s: When, in seconds of the monotonic clock.
        what: A request or an attempt that has ended, or a fallback.
    """

    at_s: float
    what: RequestRecord | AttemptRecord | FallbackStep


class LiveCounts:
    """Counts rows.

    Args:
        plan: What the run is to do.
        happened: Receives what is counted, when it is counted.
        clock: Seconds that never go back, the clock of the rows.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        happened: Callable[[Happened], None] = lambda _happened: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts = _zeros(plan)
        self.origin_ns: int | None = None
        self._plan = plan
        self._finder = StepFinder(plan)
        self._happened = happened
        self._clock = clock
        self._edge: dict[str, EdgeAttempt] = {}
        self._chain: dict[str, ChainAttempt] = {}
        self._alone: deque[tuple[float, str]] = deque()
        self._ended: deque[tuple[float, RequestRecord]] = deque()
        self._attempts: defaultdict[str, list[tuple[tuple[int, int, str, str], AttemptRecord]]] = defaultdict(list)
        self._sent: dict[str, AttemptRecord] | None = {} if "cache" in plan.chain.answers else None

    def take(self, rows: Iterable[Row]) -> None:
        """Count rows, in any order."""
        now_s = self._clock()
        for row in rows:
            match row:
                case EdgeAttempt():
                    self._edge_row(row, now_s)
                case ChainAttempt():
                    self._chain_row(row, now_s)
                case RequestRecord() if row.phase != WARMUP:
                    self._ended.append((now_s, row))
                case HealthRecord():
                    unix_ns = int((time.time() - now_s) * 1e9)
                    health(row, unix_ns, self.counts)
                case ProviderState():
                    changed(row, self.counts)
                case Origin():
                    self.origin_ns = row.at_ns
        self.settle(now_s - GRACE_S)

    def settle(self, until_s: float = float("inf")) -> None:
        """Count what was read before a time as it is: what is not there by now does not come any more."""
        while self._alone and self._alone[0][0] <= until_s:
            _, key = self._alone.popleft()
            if (edge := self._edge.pop(key, None)) is not None:
                self._attempt(key, edge.attempt)
            elif (chain := self._chain.pop(key, None)) is not None:
                self._attempt(key, chain_only(chain, 1))
        while self._ended and self._ended[0][0] <= until_s:
            self._request(self._ended.popleft()[1])
        now_ns = None if self.origin_ns is None else int(self._clock() * 1e9) - self.origin_ns
        faults(self._plan, now_ns, self.counts)

    def _edge_row(self, row: EdgeAttempt, now_s: float) -> None:
        if row.key is None:
            self._attempt("", row.attempt)
        elif (chain := self._chain.pop(row.key, None)) is not None:
            self._both(row, chain)
        else:
            self._edge[row.key] = row
            self._alone.append((now_s, row.key))

    def _chain_row(self, row: ChainAttempt, now_s: float) -> None:
        if (edge := self._edge.pop(row.key, None)) is not None:
            self._both(edge, row)
        else:
            self._chain[row.key] = row
            self._alone.append((now_s, row.key))

    def _both(self, edge: EdgeAttempt, chain: ChainAttempt) -> None:
        attempt = edge.attempt
        self._attempt(chain.key, replace(attempt, **known_to_chain(attempt, chain)))

    def _attempt(self, key: str, attempt: AttemptRecord) -> None:
        if attempt.request_id is None or attempt.request_id.startswith(_WARM):
            return
        counts, provider = self.counts, attempt.provider
        counts.add(names.ATTEMPTS, provider, attempt.outcome, "" if attempt.status is None else str(attempt.status))
        if attempt.end_ns is not None:
            counts.observe(names.ATTEMPT_DURATION, provider, seconds=(attempt.end_ns - attempt.start_ns) / 1e9)
        counts.add(names.TOKENS, provider, "in", amount=attempt.tokens_in or 0)
        counts.add(names.TOKENS, provider, "out", amount=attempt.tokens_out or 0)
        counts.add(names.COST, provider, amount=attempt.cost_usd or 0.0)
        # As `harness.history.join` sorts them.
        place = attempt.start_ns, len(key), key, attempt.attempt_id
        self._attempts[attempt.request_id].append((place, attempt))
        if self._sent is not None and attempt.text_sha256 is not None and attempt.outcome == "ok":
            self._sent.setdefault(attempt.text_sha256, attempt)
        self._happened(Happened(at_s=self._clock(), what=attempt))

    def _request(self, request: RequestRecord) -> None:
        found = sorted(self._attempts.pop(request.request_id, ()), key=lambda each: each[0])
        attempts = [attempt for _, attempt in found]
        by_id = {attempt.attempt_id: attempt for attempt in attempts}
        joined = serve(request, by_id, [attempt for attempt in attempts if attempt.forwarded])
        if self._sent is not None:
            joined = from_cache(joined, self._sent)
        outcome, served_by = outcome_of(joined, attempts, self._plan.chain.answers)
        counts = self.counts
        counts.add(names.REQUESTS, outcome, served_by, joined.kind)
        counts.observe(names.REQUEST_DURATION, seconds=self._latency_ns(joined) / 1e9)
        if joined.start_ns is not None:
            counts.observe(names.DISPATCH_LAG, seconds=(joined.start_ns - joined.scheduled_ns) / 1e9)
        for attempt in retries(attempts):
            counts.add(names.RETRIES, attempt.provider)
        now_s = self._clock()
        for step in self._finder.fallbacks(joined.request_id, attempts):
            counts.add(names.FALLBACKS, step.from_provider, step.to_provider, step.trigger)
            self._happened(Happened(at_s=now_s, what=step))
        self._happened(Happened(at_s=now_s, what=replace(joined, served_by=served_by or None)))

    def _latency_ns(self, request: RequestRecord) -> int:
        """Return how long the caller waited, as `harness.judge.tables.journeys` counts it."""
        if request.end_ns is None:
            return self._plan.load.deadline
        took_ns = request.end_ns - request.scheduled_ns
        left = request.client_left or request.outcome == "deadline"
        return max(took_ns, self._plan.load.deadline) if left else took_ns


def _zeros(plan: Plan) -> Counts:
    """Return the counts of a run that has not begun: what a scrape during its start finds."""
    counts = Counts()
    for kind in plan.load.kinds:
        for outcome in ("ok", "error"):
            counts.add(names.REQUESTS, outcome, "", kind, amount=0)
    counts.observe_all(names.REQUEST_DURATION, seconds=())
    counts.observe_all(names.DISPATCH_LAG, seconds=())
    for provider in plan.chain.names:
        counts.add(names.ATTEMPTS, provider, "ok", "200", amount=0)
        counts.observe_all(names.ATTEMPT_DURATION, provider, seconds=())
        for instrument in (names.RETRIES, names.COST):
            counts.add(instrument, provider, amount=0)
        for direction in ("in", "out"):
            counts.add(names.TOKENS, provider, direction, amount=0)
    unbroken(plan, counts)
    faults(plan, None, counts)
    return counts
