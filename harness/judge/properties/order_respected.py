"""Providers are tried in the chain's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.judge.findings.wrong_order import MEMORY_NS
from harness.judge.properties.declaration import Attempts, Property, WorstRequest
from harness.judge.properties.search_run import SearchRun, failed
from harness.judge.tables.columns import TOLERANCE_NS


def _failures_ns(run: SearchRun) -> dict[str, list[int]]:
    """Return when the failed attempts at each provider of the order ended."""
    return {
        name: [
            each.end_ns or each.start_ns
            for tried in run.of.values()
            for each in tried
            if each.provider == name and failed(each)
        ]
        for name in run.chain.order
    }


def _out_of_turn(run: SearchRun, attempts: Attempts, ends_ns: Mapping[str, Sequence[int]]) -> tuple[str, str] | None:
    """Return the first provider that was tried before its turn, and whose turn it was; None if all were in turn.

    Args:
        run: The run.
        attempts: Those of one request, in order.
        ends_ns: From `_failures_ns`.
    """
    order = run.chain.order
    for attempt in attempts:
        if attempt.provider not in order:
            continue
        own = run.chain.with_peers(attempt.provider)
        for earlier in order[: order.index(attempt.provider)]:
            peers = run.chain.with_peers(earlier)
            if earlier in own or any(each.provider in peers and each.start_ns <= attempt.start_ns for each in attempts):
                continue
            if not _excused(run, earlier, attempt.start_ns, ends_ns[earlier]):
                return attempt.provider, earlier
    return None


def _excused(run: SearchRun, earlier: str, at_ns: int, ends_ns: Sequence[int]) -> bool:
    """Return whether a breaker of an earlier provider may have been open."""
    since_ns = at_ns - MEMORY_NS - TOLERANCE_NS
    return any(since_ns <= end_ns <= at_ns + TOLERANCE_NS for end_ns in ends_ns) or any(
        window.provider == earlier
        and window.inject.fault_kind.of_connection
        and window.start_ns <= at_ns
        and window.end_ns >= since_ns
        for window in run.windows
    )


def _broken(run: SearchRun) -> tuple[str, ...]:
    ends_ns = _failures_ns(run)
    return tuple(request.request_id for request, attempts in run.measured() if _out_of_turn(run, attempts, ends_ns))


def _harm(shown: WorstRequest) -> str:
    tried, earlier = _out_of_turn(shown.run, shown.attempts, _failures_ns(shown.run)) or ("", "")
    return f"{tried} is asked although it was {earlier}'s turn"


ORDER_RESPECTED = Property(
    name="order_respected",
    broken_by="a request that tried a provider before its turn",
    check=_broken,
    harm=_harm,
    findings=("wrong_order",),
)
