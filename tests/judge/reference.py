"""The metrics once more: slow, obvious, one request at a time. Written from the definitions, not from the judge."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from statistics import mean

from harness.history import AttemptRecord, RequestRecord
from harness.scenario import Plan

STAMPS_NS = 50_000_000
ZOMBIE_NS = 250_000_000


class Reference:
    """The requests of some phases, with their attempts in order."""

    def __init__(
        self, plan: Plan, requests: list[RequestRecord], attempts: list[AttemptRecord], phase: str | None
    ) -> None:
        self.plan = plan
        self.phase = phase
        self.primary = plan.chain.order[0]
        self.requests = [r for r in requests if r.phase != "warmup" and phase in (None, r.phase)]
        self.of: defaultdict[str | None, list[AttemptRecord]] = defaultdict(list)
        for attempt in sorted(attempts, key=lambda a: (a.start_ns, a.number)):
            self.of[attempt.request_id].append(attempt)

    def values(self) -> dict[str, float | None]:
        """Return each metric's value; a quantile is the p95."""
        rows = self.requests
        reached = [r for r in rows if any(a.provider != self.primary for a in self.of[r.request_id])]
        told = [p for r in rows for p in self._same_provider(r) if p[0].retry_after_ns is not None]
        honoured = [a.end_ns + a.retry_after_ns - b.start_ns <= STAMPS_NS for a, b in told]
        overheads = [o for r in rows if (o := self._overhead(r)) is not None]
        attempts = [a for r in rows for a in self.of[r.request_id]]
        found = {
            "success_rate": _share([r.complete for r in rows]),
            "failed_requests": sum(not r.complete for r in rows) if rows else None,
            "goodput": sum(self._in_time(r) for r in rows) / self._length_s() if rows else None,
            "latency_p95": _p95([self._latency(r) for r in rows]),
            "latency_max": max((self._latency(r) for r in rows), default=None),
            "attempts_p95": _p95([len(self.of[r.request_id]) for r in rows]),
            "attempts_max": max((len(self.of[r.request_id]) for r in rows), default=None),
            "ttft_p95": _p95([self._ttft(r) for r in rows if r.streaming]),
            "retry_gap_p95": _p95(self._gaps(same=True)),
            "switch_gap_p95": _p95(self._gaps(same=False)),
            "fallback_overhead_p95": _p95([o for o, _ in overheads] + self._unserved()),
            "fallback_overhead_failed_p95": _p95([f for _, f in overheads]),
            "fallback_overhead_waiting_p95": _p95([o - f for o, f in overheads]),
            "success_after_fallback": _share([r.complete for r in reached]),
            "fallback_rate": _share([r in reached for r in rows]),
            "fallbacks": sum(self._steps(r) for r in rows) if attempts else None,
            "amplification": mean(len(self.of[r.request_id]) for r in rows) if rows else None,
            "amplification_peak": self._peak(),
            "retry_after_honoured": _share(honoured),
            "primary_skipped": sum(self._first(r) not in (None, self.primary) for r in rows),
            "exposed": sum(any(self._touched(a) for a in self.of[r.request_id]) for r in rows),
            "outlived": sum(self._outlived(r) for r in rows),
            "primary_attempts_in_outage": self._probes(),
            "wasted_tokens": sum(
                (a.tokens_in or 0) + (a.tokens_out or 0)
                for r in rows
                for a in self.of[r.request_id]
                if self._unused(r, a)
            ),
            "cost": self._cost(rows),
            "zombie_attempts": sum(
                r.client_left and r.end_ns is not None and a.start_ns > r.end_ns + ZOMBIE_NS
                for r in rows
                for a in self.of[r.request_id]
            ),
        }
        of_requests = ("primary_skipped", "exposed", "outlived") if not rows else ()
        of_attempts = ("wasted_tokens", "cost", "zombie_attempts", "amplification_peak") if not attempts else ()
        return found | dict.fromkeys((*of_requests, *of_attempts))

    def _cost(self, rows: list[RequestRecord]) -> float | None:
        unused = [a for r in rows for a in self.of[r.request_id] if self._unused(r, a)]
        if any(a.cost_usd is None and (a.tokens_in or 0) + (a.tokens_out or 0) for a in unused):
            return None
        return sum(a.cost_usd or 0 for a in unused)

    def _length_s(self) -> float:
        if self.phase is None:
            return self.plan.phases[-1].end_ns / 10**9
        (phase,) = [p for p in self.plan.phases if p.name == self.phase]
        return (phase.end_ns - phase.start_ns) / 10**9

    def _in_time(self, request: RequestRecord) -> bool:
        return (
            request.complete
            and request.end_ns is not None
            and request.end_ns - request.scheduled_ns <= self.plan.load.deadline
        )

    def _latency(self, request: RequestRecord) -> float:
        if request.end_ns is None:
            return self.plan.load.deadline
        took_ns = request.end_ns - request.scheduled_ns
        return max(took_ns, self.plan.load.deadline) if request.client_left else took_ns

    def _ttft(self, request: RequestRecord) -> float:
        if request.first_token_ns is None:
            return math.inf
        return request.first_token_ns - request.scheduled_ns

    def _gaps(self, *, same: bool) -> list[float]:
        gaps = []
        for request in self.requests:
            tries = self.of[request.request_id]
            for a, b in pairwise(tries):
                if _follows(a, b) and (a.provider == b.provider) == same:
                    gaps.append(b.start_ns - (a.end_ns or 0))
        return gaps

    def _same_provider(self, request: RequestRecord) -> list[tuple[AttemptRecord, AttemptRecord]]:
        """Return the retries at each provider: for the same model, where a model is unknown that of the attempt beside it."""
        pairs = []
        for provider in {a.provider for a in self.of[request.request_id]}:
            tries = [a for a in self.of[request.request_id] if a.provider == provider]
            known = [a.model for a in tries if a.model is not None]
            last = known[0] if known else None
            asked = [last := a.model or last for a in tries]
            for model in set(asked):
                same = [a for a, wanted in zip(tries, asked, strict=True) if wanted == model]
                pairs += [(a, b) for a, b in pairwise(same) if _follows(a, b)]
        return pairs

    def _steps(self, request: RequestRecord) -> int:
        walk = [self.primary, *(a.provider for a in self.of[request.request_id])]
        return sum(one != other for one, other in pairwise(walk))

    def _first(self, request: RequestRecord) -> str | None:
        tries = self.of[request.request_id]
        return tries[0].provider if tries else None

    def _winner(self, request: RequestRecord) -> AttemptRecord | None:
        tries = self.of[request.request_id]
        named = [a for a in tries if a.attempt_id == request.served_attempt]
        if named:
            return named[0]
        succeeded = [a for a in tries if a.outcome == "ok"]
        return succeeded[-1] if succeeded and request.outcome == "ok" and request.served_attempt is None else None

    def _overhead(self, request: RequestRecord) -> tuple[float, float] | None:
        winner = self._winner(request)
        if winner is None or winner.provider == self.primary or self._first(request) != self.primary:
            return None
        tries = self.of[request.request_id]
        before = tries[: tries.index(winner)]
        covered, until_ns = 0, tries[0].start_ns
        for attempt in before:
            end_ns = min(attempt.end_ns or 0, winner.start_ns)
            covered += max(0, end_ns - max(until_ns, attempt.start_ns))
            until_ns = max(until_ns, end_ns)
        return winner.start_ns - tries[0].start_ns, covered

    def _unserved(self) -> list[float]:
        """Return how long each caller waited who tried the first provider first and left unserved."""
        return [
            max(0, (r.end_ns or 0) - self.of[r.request_id][0].start_ns)
            for r in self.requests
            if r.client_left and self._first(r) == self.primary and self._winner(r) is None
        ]

    def _peak(self) -> float | None:
        starts = [a.start_ns for r in self.requests for a in self.of[r.request_id]]
        if not starts:
            return None
        return max(sum(s <= t < s + 10**9 for t in starts) for s in starts) / self.plan.load.rate

    def _touched(self, attempt: AttemptRecord) -> bool:
        ids = {w.fault_id for w in self.plan.timeline.windows}
        slow = [w for w in self.plan.timeline.windows if w.inject.connection in ("slow", "refused")]
        return attempt.fault_id in ids or any(
            w.provider == attempt.provider and w.start_ns <= attempt.start_ns < w.end_ns for w in slow
        )

    def _outages(self, *, dead: bool) -> list[tuple[int, int]]:
        windows = [
            (w.start_ns, w.end_ns)
            for w in self.plan.timeline.at(self.primary)
            if not dead or (w.share == 1 and w.inject.connection != "slow")
        ]
        return sorted(windows)

    def _outlived(self, request: RequestRecord) -> bool:
        tries, winner = self.of[request.request_id], self._winner(request)
        if winner is None or winner.provider != self.primary:
            return False
        return any(start <= tries[0].start_ns < end <= winner.start_ns for start, end in self._outages(dead=False))

    def _probes(self) -> float | None:
        outages = self._outages(dead=True)

        def inside(at_ns: int) -> bool:
            return any(start <= at_ns < end for start, end in outages)

        counts = [
            sum(a.provider == self.primary and inside(a.start_ns) for a in self.of[r.request_id])
            for r in self.requests
            if inside(r.scheduled_ns)
        ]
        return mean(counts) if counts else None

    def _unused(self, request: RequestRecord, attempt: AttemptRecord) -> bool:
        winner = self._winner(request)
        return request.outcome != "ok" or winner is None or attempt.attempt_id != winner.attempt_id


def _follows(a: AttemptRecord, b: AttemptRecord) -> bool:
    stamps_ns = 0 if a.outcome == "status" else STAMPS_NS
    return a.outcome != "ok" and a.end_ns is not None and b.start_ns - a.end_ns >= -stamps_ns


def _share(hits: list[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None


def _p95(values: list[float]) -> float | None:
    return sorted(values)[math.ceil(len(values) * 95 / 100) - 1] if values else None
