"""Join what the edge, the chain and the caller saw into one account of the run."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.history.records import CACHE, AttemptOutcome, AttemptRecord, ChainAttempt, FaultEvent, RequestRecord
from harness.http_rules import is_success

BREAK_NS = 50_000_000
"""How long after a listener began to refuse an open connection may be seen to break."""
Listeners = Mapping[tuple[str, str], AttemptOutcome | None]
"""The faults that act on a provider's port, by id and provider.

Each with what becomes of an attempt that needs a new connection; None where it gets one, and its answer is merely late.
"""

_UPSTREAMS_DOING = ("refused", "timeout", "malformed")

Merged = tuple[AttemptRecord, dict[str, Any]]
"""An attempt as one side saw it, and in which fields the other one knows better."""


def join(
    requests: Iterable[RequestRecord],
    edge: Iterable[tuple[str | None, AttemptRecord]],
    chain: Iterable[ChainAttempt],
    *,
    cache: bool = False,
) -> tuple[list[RequestRecord], list[AttemptRecord]]:
    """Return requests that know who served them, and attempts numbered per request.

    Args:
        requests: As the caller saw them: text hash and the attempts that the text names.
        edge: `(key, attempt)`; the key is the chain-side recorder's, None where it sent none.
        chain: As the chain's transport saw them.
        cache: The chain may answer with what it was sent earlier in this run.
    """
    attempts = _numbered(_merge(edge, chain))
    by_id = {attempt.attempt_id: attempt for attempt in attempts}
    real: defaultdict[str | None, list[AttemptRecord]] = defaultdict(list)
    for attempt in attempts:
        if attempt.forwarded:
            real[attempt.request_id].append(attempt)
    joined = [serve(request, by_id, real.get(request.request_id, ())) for request in requests]
    return [
        from_cache(request, sent) for sent in (_sent(attempts),) for request in joined
    ] if cache else joined, attempts


def _merge(edge: Iterable[tuple[str | None, AttemptRecord]], chain: Iterable[ChainAttempt]) -> list[Merged]:
    """Return all exchanges by start; of those that began at one moment, in the order in which the chain made them."""
    by_key = {row.key: row for row in chain}
    merged: list[tuple[str, Merged]] = []
    for key, attempt in edge:
        same = by_key.pop(key, None) if key is not None else None
        merged.append((key or "", (attempt, {} if same is None else known_to_chain(attempt, same))))
    alone: Counter[tuple[str | None, str]] = Counter()
    for row in sorted(by_key.values(), key=lambda row: row.start_ns):
        alone[row.request_id, row.provider] += 1
        merged.append((row.key, (chain_only(row, alone[row.request_id, row.provider]), {})))
    merged.sort(key=lambda each: (each[1][0].start_ns, len(each[0]), each[0], each[1][0].attempt_id))
    return [attempt for _, attempt in merged]


def known_to_chain(edge: AttemptRecord, chain: ChainAttempt) -> dict[str, Any]:
    """Return what the chain's record of an exchange changes in the edge's.

    The edge cannot observe who closed a connection, the chain or Toxiproxy between the two, nor that what it had sent was
    held back or lost on the way. If an answer never arrived, the chain had no status and no delay. But of what went wrong
    between the edge and a real provider, the chain observes only that the connection broke, so there the edge's record counts.
    """
    if edge.forwarded and edge.fault_id is None and edge.outcome in _UPSTREAMS_DOING:
        return {"seen_by": "both"}
    unheard = chain.status is None and chain.outcome != "ok"
    if not unheard and chain.outcome not in ("reset", "cut", "timeout", "malformed"):
        return {"seen_by": "both"}
    end_ns = max(edge.end_ns or edge.start_ns, chain.end_ns or chain.start_ns)
    nothing_heard = {"status": None, "retry_after_ns": None, "error_code": None} if unheard else {}
    return {"outcome": chain.outcome, "end_ns": end_ns, "seen_by": "both", **nothing_heard}


def chain_only(row: ChainAttempt, nth: int) -> AttemptRecord:
    """Return an exchange that only the chain has recorded, the request's nth such one at its provider."""
    return AttemptRecord(
        attempt_id=f"{row.request_id or 'orphan'}.{row.provider}.c{nth}",
        request_id=row.request_id,
        provider=row.provider,
        start_ns=row.start_ns,
        first_byte_ns=row.first_byte_ns,
        end_ns=row.end_ns,
        status=row.status,
        outcome=row.outcome,
        seen_by="chain",
    )


def _numbered(attempts: Iterable[Merged]) -> list[AttemptRecord]:
    """Return the attempts, each with its place in its request, from 1; an orphan has 0."""
    counts: defaultdict[str, int] = defaultdict(int)
    numbered = []
    for attempt, known in attempts:
        place = 0
        if attempt.request_id is not None:
            counts[attempt.request_id] += 1
            place = counts[attempt.request_id]
        numbered.append(replace(attempt, number=place, **known))
    return numbered


def serve(
    request: RequestRecord, attempts: Mapping[str, AttemptRecord], real: Sequence[AttemptRecord] = ()
) -> RequestRecord:
    """Return the request with who served it, and whether the whole of that answer arrived once.

    An answer that was another request's has served nobody.

    Args:
        request: As the caller saw it.
        attempts: All of the run, by their ids.
        real: Those of this request at real providers, in order.
    """
    served = attempts.get(request.sources[-1]) if request.sources else None
    if served is None or served.request_id != request.request_id:
        served = _real_server(request, real)
        if served is None:
            return request
    whole = (
        request.outcome == "ok"
        and (served.forwarded or len(request.sources) == 1)
        and request.text_sha256 is not None
        and request.text_sha256 == served.text_sha256
    )
    return replace(
        request,
        served_by=served.provider,
        served_attempt=served.attempt_id,
        cost_usd=served.cost_usd,
        complete=whole,
    )


def _sent(attempts: Iterable[AttemptRecord]) -> dict[str, AttemptRecord]:
    """Return the attempt that first sent each text, by the text's hash."""
    sent: dict[str, AttemptRecord] = {}
    for attempt in attempts:
        if attempt.text_sha256 is not None and attempt.outcome == "ok":
            sent.setdefault(attempt.text_sha256, attempt)
    return sent


def from_cache(request: RequestRecord, sent: Mapping[str, AttemptRecord]) -> RequestRecord:
    """Return the request as served by the chain's cache, if its text was sent earlier for another one."""
    if request.complete or request.outcome != "ok" or not request.text_chars or request.text_sha256 is None:
        return request
    source = sent.get(request.text_sha256)
    if source is None or source.request_id == request.request_id or source.end_ns is None or request.end_ns is None:
        return request
    if source.end_ns > request.end_ns:
        return request
    return replace(request, served_by=CACHE, served_attempt=None, cost_usd=None, complete=True)


def _real_server(request: RequestRecord, real: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """Return the real attempt that served the caller: the one with the same text, else the last that had an answer.

    Real text names no attempt.
    """
    if not is_success(request.status):
        return None
    answered = [attempt for attempt in real if is_success(attempt.status)]
    same = [attempt for attempt in answered if attempt.text_sha256 == request.text_sha256 is not None]
    return next(reversed(same or answered), None)


def attribute(
    attempts: Iterable[AttemptRecord],
    faults: Iterable[FaultEvent],
    listeners: Listeners,
    *,
    ending: Collection[str] = (),
    requests: Iterable[RequestRecord] = (),
    unseen: bool,
) -> tuple[list[AttemptRecord], list[FaultEvent]]:
    """Return the attempts with the faults of the provider's port that changed them, and the faults with how often they fired.

    The edge names its own faults in its records. It cannot observe a fault of the port: that shows in how and when the
    attempt began and ended.

    Args:
        attempts: All of the run.
        faults: All of the run.
        listeners: The faults that act on a port.
        ending: Ids of those that end the gateway's process.
        requests: All of the run.
        unseen: No recorder sits in the chain, so that attempts without a connection are not recorded.
    """
    callers = list(requests)
    events = list(faults)
    counts: Counter[tuple[str, str]] = Counter()
    named = []
    for attempt in attempts:
        changed = attempt
        for event in events:
            if _touched(attempt, event, listeners):
                counts[event.fault_id, event.provider] += 1
                if changed.fault_id is None:
                    changed = replace(changed, fault_id=event.fault_id)
                else:
                    changed = replace(changed, other_faults=(*changed.other_faults, event.fault_id))
        for fault_id in filter(None, (attempt.fault_id, *attempt.other_faults)):
            counts[fault_id, attempt.provider] += 1
        named.append(changed)
    fired = [
        replace(event, fired=event.fired if event.fault_id in ending else _on_gateway(event, callers))
        if event.leg != "provider"
        else replace(
            event,
            fired=None
            if unseen and listeners.get((event.fault_id, event.provider))
            else counts[event.fault_id, event.provider],
        )
        for event in events
    ]
    return named, fired


def _on_gateway(event: FaultEvent, requests: Iterable[RequestRecord]) -> int | None:
    """Return how often a fault on the gateway or its database fired: of its callers' connections their requests show it."""
    if event.leg != "gateway" or event.applied_ns is None:
        return event.fired
    to_ns = math.inf if event.reverted_ns is None else event.reverted_ns + BREAK_NS
    inside = [
        request
        for request in requests
        if request.start_ns is not None and request.end_ns is not None and event.applied_ns <= request.end_ns <= to_ns
    ]
    if event.kind == "reset":  # whoever gets no answer before its deadline has not been reset
        return sum(request.outcome in ("error", "truncated") and request.status is None for request in inside)
    # An answer that began before may have passed already.
    return sum(request.status is not None and (request.start_ns or 0) >= event.applied_ns for request in inside)


def _touched(attempt: AttemptRecord, event: FaultEvent, listeners: Listeners) -> bool:
    key = event.fault_id, event.provider
    if (
        event.leg != "provider"
        or key not in listeners
        or attempt.provider != event.provider
        or event.applied_ns is None
    ):
        return False
    blocked = listeners[key]
    end_ns = attempt.start_ns if attempt.end_ns is None else attempt.end_ns
    before_end = event.reverted_ns is None or attempt.start_ns < event.reverted_ns
    if blocked is None:
        # Of a silence nothing comes late.
        return event.applied_ns <= attempt.start_ns and before_end and attempt.first_byte_ns is not None
    if attempt.outcome == "refused":
        return event.applied_ns <= end_ns and before_end
    if blocked == "timeout" and attempt.seen_by == "chain" and attempt.outcome in ("timeout", "client_left"):
        return event.applied_ns <= attempt.start_ns and before_end
    # When a port stops accepting, the connections that are open break.
    broken = attempt.outcome in ("reset", "cut", "malformed", "client_left")
    return broken and attempt.start_ns < event.applied_ns <= end_ns <= event.applied_ns + BREAK_NS
