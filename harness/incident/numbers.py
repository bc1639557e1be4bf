"""What an incident, as it was played, did to callers and providers: the whole of it, with what was not played."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.incident.cutting import PlayedPart, weights
from harness.incident.variants import BEFORE_NS
from harness.judge import RunData
from harness.judge.intervals import wilson
from harness.judge.tables.columns import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A number, and between which numbers the true one lies.

    Attributes:
        low: At least.
        value: The best estimate.
        high: At most.
    """

    low: float
    value: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageNumbers:
    """What an incident came to, from its start until the chain has settled after it.

    Attributes:
        requests: How many callers made.
        lost: Those that got no complete answer; the band is that of the sample (95 %).
        unserved_ns: For how long callers went unserved: each minute counts by the share of its requests that was lost, in nanoseconds.
        late_ns: How much longer a request with a complete answer took than before the incident, on average, in nanoseconds; NaN if there
            is none.
        cost_usd: How much more it cost than the same requests did before the incident; NaN where a price is not known.
        attempts: At a provider while it was hit.
    """

    requests: float
    lost: Band
    unserved_ns: Band
    late_ns: float
    cost_usd: float
    attempts: float


def outage_numbers(run: RunData, parts: Sequence[PlayedPart]) -> OutageNumbers:
    """Return what a run of an incident comes to.

    Args:
        run: The run.
        parts: What of the incident it played.
    """
    requests, attempts = run.columns.requests, run.columns.attempts
    at_ns = requests.scheduled_ns
    weight = np.where(at_ns >= BEFORE_NS, weights(parts, at_ns.astype(np.int64)), 0.0)
    lost = ~requests.complete
    after_ns = run.end_ns - parts[-1].end_ns
    spans = [(part.start_ns, part.end_ns, float(part.real_ns)) for part in parts]
    spans.append((parts[-1].end_ns, run.end_ns, float(after_ns)))
    unserved_ns = sum(_share(lost, weight, at_ns, begin, end) * real for begin, end, real in spans)
    total = float((weight * lost).sum())
    down, up = _sampled(lost, at_ns, parts)
    rate = max(float(weight.sum()), 1.0) / sum(real for _, _, real in spans)
    tried = weights(parts, attempts.start_ns.astype(np.int64))
    return OutageNumbers(
        requests=float(weight.sum()),
        lost=Band(low=max(total - down, 0.0), value=total, high=total + up),
        unserved_ns=Band(
            low=max(unserved_ns - down / rate, 0.0), value=float(unserved_ns), high=float(unserved_ns) + up / rate
        ),
        late_ns=_late(run, weight),
        cost_usd=_cost(run, weight),
        attempts=float((tried * _at_hit(run)).sum()),
    )


def _share(lost: np.ndarray, weight: Floats, at_ns: Floats, begin_ns: int, end_ns: int) -> float:
    """Return the share of the requests of some time that was lost."""
    within = (begin_ns <= at_ns) & (at_ns < end_ns)
    whole = weight[within].sum()
    return float((weight * lost)[within].sum() / whole) if whole else 0.0


def _sampled(lost: np.ndarray, at_ns: Floats, parts: Sequence[PlayedPart]) -> tuple[float, float]:
    """Return how far below and above the estimate the number of lost requests may be, because samples stand for what was not played.

    The parts' errors are independent, so their squares add up. Each is that of Wilson's interval of its sample.
    """
    down = up = 0.0
    for part in parts:
        if not part.left_out_ns:
            continue
        begin, end = part.sample_ns
        within = (begin <= at_ns) & (at_ns < end)
        size, hits = int(within.sum()), int(lost[within].sum())
        if size:
            low, high = wilson(hits, size)
            unseen = size * (part.weight - 1)
            down += (unseen * (hits / size - low)) ** 2
            up += (unseen * (high - hits / size)) ** 2
    return math.sqrt(down), math.sqrt(up)


def _late(run: RunData, weight: Floats) -> float:
    """Return how much longer requests with a complete answer took during the incident than before it, on average."""
    latency_ns, complete = run.journeys.latency_ns, run.columns.requests.complete
    during, before = complete & (weight > 0), complete & (weight == 0)
    if not during.any() or not before.any():
        return math.nan
    return float(np.average(latency_ns[during], weights=weight[during]) - latency_ns[before].mean())


def _cost(run: RunData, weight: Floats) -> float:
    """Return what the incident's requests cost beyond what those before it did, each."""
    requests, attempts = run.columns.requests, run.columns.attempts
    billed = np.where(attempts.failed & np.isnan(attempts.cost_usd), 0.0, attempts.cost_usd)
    cost_usd = np.bincount(attempts.request, weights=billed, minlength=len(requests))
    before = weight == 0
    if not before.any():
        return math.nan
    return float((weight * cost_usd).sum() - weight.sum() * cost_usd[before].mean())


def _at_hit(run: RunData) -> np.ndarray:
    """Return which attempts went to a provider while it was hit."""
    attempts = run.columns.attempts
    found = np.zeros(len(attempts), dtype=bool)
    for window in run.plan.timeline.windows:
        there = attempts.provider == run.columns.providers.index(window.provider)
        found |= there & (window.start_ns <= attempts.start_ns) & (attempts.start_ns < window.end_ns)
    return found
