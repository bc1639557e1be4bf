"""What incidents come to for a chain: each number as a band, from the best case to the worst that the facts allow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.chain import Chain
from harness.incident.numbers import Band, OutageNumbers
from harness.incident.schema import Incident
from harness.incident.variants import hits
from harness.scenario.schema import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What an incident would have come to for a chain: each number from the best case to the worst that the facts allow.

    Attributes:
        names: The incidents that are played together, the earliest first.
        title: Of the first.
        start: When it began.
        length_ns: How long it lasted, in nanoseconds.
        hit: The chain's providers that it hit.
        variants: In how many ways it was played.
        requests: How many callers made.
        lost: Those that got no complete answer.
        unserved_ns: For how long callers went unserved, in nanoseconds.
        late_ns: How much longer an answered request took than before, on average, in nanoseconds.
        cost_usd: How much more the requests cost than before.
        attempts: At a provider while it was hit.
        errors: Why variants have no numbers.
    """

    names: tuple[str, ...]
    title: str
    start: datetime
    length_ns: int
    hit: tuple[str, ...]
    variants: int
    requests: Band
    lost: Band
    unserved_ns: Band
    late_ns: Band
    cost_usd: Band
    attempts: Band
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Incidents against a chain.

    Attributes:
        chain: The chain.
        load: What callers do.
        outages: Those that hit the chain, the worst first.
        missed: Names of those that do not, with the reason.
        interrupted: It was stopped before all were played.
    """

    chain: Chain
    load: Load
    outages: tuple[Outage, ...]
    missed: Mapping[str, str]
    interrupted: bool = False

    @property
    def unserved_ns(self) -> Band:
        """For how long callers would have gone unserved over all of them, in nanoseconds."""
        return summed([outage.unserved_ns for outage in self.outages])

    @property
    def lost(self) -> Band:
        """How many requests would have been lost over all of them."""
        return summed([outage.lost for outage in self.outages])

    @property
    def requests(self) -> float:
        """How many callers would have made over all of them."""
        return sum(outage.requests.value for outage in self.outages)


def outage_of(group: Mapping[str, Incident], chain: Chain, found: Sequence[OutageNumbers | str]) -> Outage:
    """Return what all variants of some incidents that are played together came to.

    Args:
        group: The incidents by name.
        chain: The chain.
        found: The numbers of each variant, or why it has none.
    """
    numbers = [each for each in found if isinstance(each, OutageNumbers)]
    first = next(iter(group.values()))
    end_s = max(incident.start.timestamp() + incident.end_ns / 1e9 for incident in group.values())
    return Outage(
        names=tuple(group),
        title=first.title,
        start=first.start,
        length_ns=round((end_s - first.start.timestamp()) * 1e9),
        hit=tuple(dict.fromkeys(name for hit in hits(group, chain) for name in hit.providers)),
        variants=len(numbers),
        requests=_band([each.requests for each in numbers]),
        lost=_widest([each.lost for each in numbers]),
        unserved_ns=_widest([each.unserved_ns for each in numbers]),
        late_ns=_band([each.late_ns for each in numbers]),
        cost_usd=_band([each.cost_usd for each in numbers]),
        attempts=_band([each.attempts for each in numbers]),
        errors=tuple(dict.fromkeys(each for each in found if isinstance(each, str))),
    )


def _band(values: Sequence[float]) -> Band:
    """Return the band of what some variants came to, those without a number left out."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return Band(low=math.nan, value=math.nan, high=math.nan)
    return Band(low=min(known), value=(min(known) + max(known)) / 2, high=max(known))


def _widest(bands: Sequence[Band]) -> Band:
    """Return a band that holds some others."""
    middle = _band([band.value for band in bands])
    if not bands:
        return middle
    return Band(low=min(band.low for band in bands), value=middle.value, high=max(band.high for band in bands))


def summed(bands: Sequence[Band]) -> Band:
    """Return the sum of some bands, as if all were at their low or all at their high ends."""
    low, value, high = (math.fsum(getattr(band, name) for band in bands) for name in ("low", "value", "high"))
    return Band(low=low, value=value, high=high)
