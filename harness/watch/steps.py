"""The retries and fallbacks of one request, from its attempts alone.

The judge finds them for all requests of a run at once (`harness.judge.tables`), which a run that goes on cannot wait for. The
classes of failure are the judge's own, and a test compares both on random histories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.history.records import AttemptRecord
from harness.judge.tables.columns import TOLERANCE_NS
from harness.judge.tables.failures import QUOTA_PRESETS, cause
from harness.judge.tables.fallbacks import ANSWERED, HEDGE, SKIPPED
from harness.judge.tables.orders import Orders
from harness.scenario import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackStep:
    """A step of a request from one provider to another; see `harness.judge.tables.fallbacks.Fallbacks`.

    Attributes:
        from_provider: The one before; the first one where it was skipped.
        to_provider: The one after.
        trigger: One of TRIGGERS.
        status: HTTP status of the failure that came before; None where nothing had failed, or none came.
    """

    from_provider: str
    to_provider: str
    trigger: str
    status: int | None = None


class StepFinder:
    """Finds the steps in the requests of a plan.

    Args:
        plan: The plan.
    """

    def __init__(self, plan: Plan) -> None:
        names = plan.chain.names
        orders = Orders.of(plan, names)
        self._part = {arrival.request_id: arrival.part for arrival in plan.arrivals}
        self._order = [int(order) for order in orders.of_part]
        self._first = [names[int(place)] for place in orders.beginning]
        self._levels: list[Mapping[str, int]] = [
            {name: int(levels[place]) for name, place in zip(names, places, strict=True)}
            for levels, places in zip(orders.level, orders.place, strict=True)
        ]
        windows = plan.timeline.windows
        self._limits = {window.fault_id for window in windows if window.inject.error in QUOTA_PRESETS}

    def fallbacks(self, request_id: str, attempts: Sequence[AttemptRecord]) -> Iterator[FallbackStep]:
        """Yield the steps of a request.

        Args:
            request_id: Which.
            attempts: Its own, by start.
        """
        order = self._order[self._part.get(request_id, 0)]
        levels = self._levels[order]
        if attempts and levels[attempts[0].provider] > 0:
            yield FallbackStep(from_provider=self._first[order], to_provider=attempts[0].provider, trigger=SKIPPED)
        for one, other in pairwise(attempts):
            if levels[one.provider] != levels[other.provider]:
                yield self._step(one, other)

    def _step(self, one: AttemptRecord, other: AttemptRecord) -> FallbackStep:
        trigger, status = HEDGE, None
        if _failed_before(one, other) and not _let_go(one, other):
            limited = one.fault_id in self._limits
            trigger, status = cause(one.status, one.outcome, one.error_code, limited=limited), one.status
        elif one.outcome == "ok" and one.end_ns is not None and other.start_ns >= one.end_ns:
            trigger = ANSWERED
        return FallbackStep(from_provider=one.provider, to_provider=other.provider, trigger=trigger, status=status)


def retries(attempts: Sequence[AttemptRecord]) -> Iterator[AttemptRecord]:
    """Yield the attempts of a request that repeat a failed one at the same provider for the same model.

    Args:
        attempts: Its own, by start.
    """
    by_provider: dict[str, list[AttemptRecord]] = {}
    for attempt in attempts:
        by_provider.setdefault(attempt.provider, []).append(attempt)
    for own in by_provider.values():
        last: dict[str | None, AttemptRecord] = {}
        for attempt, model in zip(own, _models(own), strict=True):
            if model in last and _failed_before(last[model], attempt):
                yield attempt
            last[model] = attempt


def _models(attempts: Sequence[AttemptRecord]) -> list[str | None]:
    """Return the model of each attempt: an unknown one is that of its neighbour."""
    known: str | None = next((each.model for each in attempts if each.model is not None), None)
    return [known := each.model if each.model is not None else known for each in attempts]


def _failed_before(one: AttemptRecord, other: AttemptRecord) -> bool:
    """Return whether an attempt had failed when another began; see `harness.judge.tables.pairs`."""
    if one.outcome == "ok" or one.end_ns is None:
        return False
    return other.start_ns - one.end_ns >= (0 if one.outcome == "status" else -TOLERANCE_NS)


def _let_go(one: AttemptRecord, other: AttemptRecord) -> bool:
    """Return whether the chain gave an attempt up because another one was answering."""
    if one.outcome != "client_left" or other.outcome != "ok" or one.end_ns is None:
        return False
    times = [at for at in (other.first_byte_ns, other.end_ns) if at is not None]
    return bool(times) and min(times) <= one.end_ns
