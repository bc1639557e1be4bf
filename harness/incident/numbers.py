"""What an incident, as it was played, did to callers and providers: the whole of it, with what was not played."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.incident.cutting import PlayedPart, weights
from harness.judge import RunData
from harness.judge.intervals import wilson
from harness.judge.tables.columns import Bools, Floats
from harness.judge.tables.spending import billed_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledNumber:
    """A number, and between which numbers the true one lies.

    Attributes:
        low: At least.
        value: The best estimate.
        high: At most.
    """

    low: float
    value: float
    high: float

    def times(self, factor: float) -> SampledNumber:
        """Return so many times the band."""
        return SampledNumber(low=self.low * factor, value=self.value * factor, high=self.high * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageNumbers:
    """What an incident came to, from its start until the chain has settled after it.

    Attributes:
        requests: How many callers make in that time.
        lost: Those that got no complete answer; the band is that of the sample (95 %).
        unserved_ns: For how long callers went unserved: each minute counts by the share of its requests that was lost, in nanoseconds.
        late_ns: How much longer a request with a complete answer took than before the incident, on average, in nanoseconds; None if there
            is none.
        cost_usd: How much more it cost than the same requests did before the incident; None where a price is not known.
        spent_usd: What they cost in all; None where a price is not known.
        attempts: At a provider while it was hit.
    """

    requests: float
    lost: SampledNumber
    unserved_ns: SampledNumber
    late_ns: float | None
    cost_usd: float | None
    spent_usd: float | None
    attempts: float


def outage_numbers(run: RunData, parts: Sequence[PlayedPart]) -> OutageNumbers:
    """Return what a run of an incident comes to.

    Args:
        run: The run.
        parts: What of the incident it played.
    """
    requests, attempts = run.columns.requests, run.columns.attempts
    at_ns = requests.scheduled_ns
    weight = np.where(at_ns >= parts[0].start_ns, weights(parts, at_ns), 0.0)
    after = PlayedPart(
        real_start_ns=parts[-1].real_start_ns + parts[-1].real_ns,
        real_ns=run.end_ns - parts[-1].end_ns,
        start_ns=parts[-1].end_ns,
        length_ns=run.end_ns - parts[-1].end_ns,
        sample_ns=(parts[-1].end_ns, run.end_ns),
    )
    unserved_ns = _unserved(~requests.complete, at_ns, weight, (*parts, after))
    whole_s = sum(part.real_ns for part in (*parts, after)) / 1e9
    rate = float(weight.sum()) / whole_s if run.plan.load.shape else run.plan.load.peak_rate
    cost_usd: Floats = np.bincount(attempts.request, weights=billed_usd(attempts), minlength=len(requests)).astype(
        float
    )
    tried = weights(parts, attempts.start_ns)
    return OutageNumbers(
        requests=rate * whole_s,
        lost=unserved_ns.times(rate / 1e9),
        unserved_ns=unserved_ns,
        late_ns=_known(_late(run, weight)),
        cost_usd=_known(_added(cost_usd, weight)),
        spent_usd=_known(float((weight * cost_usd).sum())),
        attempts=float((tried * _at_hit(run)).sum()),
    )


def by_chance(numbers: OutageNumbers, rate: float, parts: Sequence[PlayedPart]) -> SampledNumber:
    """Return for how long callers went unserved, with what other draws of chance might have made of it (95 %), in nanoseconds.

    Args:
        numbers: What one run came to.
        rate: Requests per second.
        parts: What of the incident it played.
    """
    played = max(round(rate * sum(part.length_ns for part in parts) / 1e9), 1)
    low, high = wilson(round(played * numbers.lost.value / max(numbers.requests, 1.0)), played)
    whole_ns = numbers.requests / rate * 1e9
    found = numbers.unserved_ns
    return SampledNumber(low=min(found.low, low * whole_ns), value=found.value, high=max(found.high, high * whole_ns))


def _known(value: float) -> float | None:
    """Return a number; None for NaN, which no message holds."""
    return None if math.isnan(value) else value


def _unserved(lost: Bools, at_ns: Floats, weight: Floats, parts: Sequence[PlayedPart]) -> SampledNumber:
    """Return for how long callers went unserved: each part counts by the share of its requests that was lost.

    What was not played is known by a sample. The parts' errors are independent, so their squares add up; each is that of Wilson's
    interval of the sample's share.
    """
    whole_ns = down = up = 0.0
    for part in parts:
        within = (part.start_ns <= at_ns) & (at_ns < part.end_ns)
        size = weight[within].sum()
        if not size:
            continue
        whole_ns += part.real_ns * float((weight * lost)[within].sum() / size)
        begin, end = part.sample_ns
        sample = lost[(begin <= at_ns) & (at_ns < end)]
        if part.left_out_ns and len(sample):
            low, high = wilson(int(sample.sum()), len(sample))
            down += (part.left_out_ns * (sample.mean() - low)) ** 2
            up += (part.left_out_ns * (high - sample.mean())) ** 2
    return SampledNumber(low=max(whole_ns - math.sqrt(down), 0.0), value=whole_ns, high=whole_ns + math.sqrt(up))


def _late(run: RunData, weight: Floats) -> float:
    """Return how much longer requests with a complete answer took during the incident than before it, on average."""
    latency_ns, complete = run.journeys.latency_ns, run.columns.requests.complete
    during, before = complete & (weight > 0), complete & (weight == 0)
    if not during.any() or not before.any():
        return math.nan
    return float(np.average(latency_ns[during], weights=weight[during]) - latency_ns[before].mean())


def _added(cost_usd: Floats, weight: Floats) -> float:
    """Return what the incident's requests cost beyond what those before it did, each."""
    before = weight == 0
    if not before.any():
        return math.nan
    return float((weight * cost_usd).sum() - weight.sum() * cost_usd[before].mean())


def _at_hit(run: RunData) -> Bools:
    """Return which attempts went to a provider while it was hit."""
    attempts = run.columns.attempts
    found = np.zeros(len(attempts), dtype=bool)
    for window in run.plan.timeline.windows:
        there = attempts.provider == run.columns.providers.index(window.provider)
        found |= there & (window.start_ns <= attempts.start_ns) & (attempts.start_ns < window.end_ns)
    return found
