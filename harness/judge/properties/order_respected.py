"""Providers are tried in the chain's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.chain.facts import REFUSED
from harness.history.records import RequestRecord
from harness.judge.findings.wrong_order import MEMORY_NS
from harness.judge.properties.declaration import Property, RequestAttempts, WorstRequest
from harness.judge.properties.search_run import SearchRun, failed
from harness.judge.tables.columns import TOLERANCE_NS


def _left_alone_ns(run: SearchRun) -> dict[str, list[tuple[int, int]]]:
    """Return for each provider when a breaker or a cooldown may have kept the chain from it: from, until."""
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in run.chain.providers}
    for name, spans in found.items():
        memory_ns = max(MEMORY_NS, run.facts.cooldown_ns.get(name, 0))
        for attempt in (each for tried in run.of.values() for each in tried if each.provider == name and failed(each)):
            end_ns = attempt.end_ns or attempt.start_ns
            spans.append((end_ns, end_ns + max(memory_ns, attempt.retry_after_ns or 0)))
        for window in run.windows:
            if window.provider == name and window.inject.fault_kind.of_connection:
                spans.append((window.start_ns + TOLERANCE_NS, window.end_ns + memory_ns))
    return found


def _out_of_turn(
    run: SearchRun,
    request: RequestRecord,
    attempts: RequestAttempts,
    left_alone_ns: Mapping[str, Sequence[tuple[int, int]]],
) -> tuple[str, str] | None:
    """Return the first provider that was tried before its turn, and whose turn it was; None if all were in turn.

    Args:
        run: The run.
        request: One of its requests.
        attempts: Its attempts, in order.
        left_alone_ns: From `_left_alone_ns`.
    """
    order = run.order(request)
    for attempt in attempts:
        if attempt.provider not in order:
            continue
        own, at_ns = run.chain.with_peers(attempt.provider), attempt.start_ns
        for earlier in order[: order.index(attempt.provider)]:
            peers = run.chain.with_peers(earlier)
            if earlier in own or earlier in run.facts.limited:
                continue
            if attempt.provider in run.facts.lanes and any(each.status in REFUSED for each in attempts):
                continue
            if any(each.provider in peers and each.start_ns <= at_ns for each in attempts):
                continue
            spans = left_alone_ns[earlier]
            if not any(from_ns - TOLERANCE_NS <= at_ns <= until_ns + TOLERANCE_NS for from_ns, until_ns in spans):
                return attempt.provider, earlier
    return None


def _broken(run: SearchRun) -> tuple[str, ...]:
    left_alone_ns = _left_alone_ns(run)
    return tuple(
        request.request_id
        for request, attempts in run.measured()
        if _out_of_turn(run, request, attempts, left_alone_ns)
    )


def _harm(shown: WorstRequest) -> str:
    tried, earlier = _out_of_turn(shown.run, shown.request, shown.attempts, _left_alone_ns(shown.run)) or ("", "")
    return f"{tried} is asked although it was {earlier}'s turn"


ORDER_RESPECTED = Property(
    name="order_respected",
    broken_by="a request that tried a provider before its turn",
    check=_broken,
    harm=_harm,
    findings=("wrong_order",),
)
