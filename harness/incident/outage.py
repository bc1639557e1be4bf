"""What incidents come to for a chain: each number as a band, from the best case to the worst that the facts allow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from harness.chain import Chain
from harness.incident.numbers import OutageNumbers, SampledNumber
from harness.incident.schema import Incident
from harness.incident.variants import Hit, hits
from harness.scenario.schema import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class UncertainNumber:
    """A number that depends on what is unknown about an incident.

    Attributes:
        least: The low end, less what its sample leaves open (95 %).
        low: In the best way in which the incident may have been.
        high: In the worst.
        most: The high end, and what its sample leaves open.
    """

    least: float
    low: float
    high: float
    most: float

    def times(self, factor: float) -> UncertainNumber:
        """Return so many times the number."""
        return UncertainNumber(**{name: getattr(self, name) * factor for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedOutage:
    """What an incident would have come to for a chain: each number from the best case to the worst that the facts allow.

    Attributes:
        names: The incidents that are played together, the earliest first.
        title: Of the first.
        start: When it began.
        length_ns: How long it lasted, in nanoseconds.
        hits: What of it hit the chain.
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
    hits: tuple[Hit, ...]
    variants: int
    requests: float
    lost: UncertainNumber
    unserved_ns: UncertainNumber
    late_ns: UncertainNumber
    cost_usd: UncertainNumber
    attempts: UncertainNumber
    errors: tuple[str, ...] = ()

    @property
    def hit(self) -> tuple[str, ...]:
        """The chain's providers that it hit."""
        return tuple(dict.fromkeys(name for hit in self.hits for name in hit.providers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Incidents against a chain.

    Attributes:
        chain: The chain, as it was played.
        load: What callers do.
        outages: Those that hit the chain, the worst first.
        missed: Names of those that do not, with the reason.
        missed_at: When they began, where that is known.
        version: Of the library that hosts the chain; None if that has none.
        interrupted: It was stopped before all were played.
        runs: Where each was played on real parts, by name; empty where all were played in virtual time.
        live: They were played on real parts, each in one way.
    """

    chain: Chain
    load: Load
    outages: tuple[PlayedOutage, ...]
    missed: Mapping[str, str]
    missed_at: Mapping[str, datetime] = field(default_factory=dict)
    version: str | None = None
    interrupted: bool = False
    runs: Mapping[str, str] = field(default_factory=dict)
    live: bool = False

    @property
    def played(self) -> tuple[PlayedOutage, ...]:
        """Those that have numbers: the sums are over them."""
        return tuple(outage for outage in self.outages if outage.variants)

    @property
    def unserved_ns(self) -> UncertainNumber:
        """For how long callers would have gone unserved over all of them, in nanoseconds."""
        return _sum([outage.unserved_ns for outage in self.played])

    @property
    def lost(self) -> UncertainNumber:
        """How many requests would have been lost over all of them."""
        return _sum([outage.lost for outage in self.played])

    @property
    def requests(self) -> float:
        """How many callers would have made over all of them."""
        return sum(outage.requests for outage in self.played)


def played_outage(group: Mapping[str, Incident], chain: Chain, found: Sequence[OutageNumbers | str]) -> PlayedOutage:
    """Return what all variants of some incidents that are played together came to.

    Args:
        group: The incidents by name.
        chain: The chain.
        found: The numbers of each variant, or why it has none.
    """
    numbers = [each for each in found if isinstance(each, OutageNumbers)]
    first = next(iter(group.values()))
    end_s = max(incident.start.timestamp() + incident.end_ns / 1e9 for incident in group.values())
    return PlayedOutage(
        names=tuple(group),
        title=first.title,
        start=first.start,
        length_ns=round((end_s - first.start.timestamp()) * 1e9),
        hits=hits(group, chain),
        variants=len(numbers),
        requests=max((each.requests for each in numbers), default=0.0),
        lost=_sampled([each.lost for each in numbers]),
        unserved_ns=_sampled([each.unserved_ns for each in numbers]),
        late_ns=_ends([each.late_ns for each in numbers]),
        cost_usd=_ends([each.cost_usd for each in numbers]),
        attempts=_ends([each.attempts for each in numbers]),
        errors=tuple(dict.fromkeys(each for each in found if isinstance(each, str))),
    )


def _ends(values: Sequence[float | None]) -> UncertainNumber:
    """Return the ends of what some variants came to, those without a number left out."""
    known = [value for value in values if value is not None]
    if not known:
        return UncertainNumber(least=math.nan, low=math.nan, high=math.nan, most=math.nan)
    low, high = min(known), max(known)
    return UncertainNumber(least=low, low=low, high=high, most=high)


def _sampled(bands: Sequence[SampledNumber]) -> UncertainNumber:
    """Return the same of numbers that rest on samples."""
    ends = _ends([band.value for band in bands])
    if not bands:
        return ends
    return replace(ends, least=min(band.low for band in bands), most=max(band.high for band in bands))


def _sum(several: Sequence[UncertainNumber]) -> UncertainNumber:
    """Return the sum, as if all were at their low or all at their high ends.

    What the samples leave open does not add up so: samples are independent, so its squares do.
    """
    low, high = math.fsum(ends.low for ends in several), math.fsum(ends.high for ends in several)
    down, up = (
        math.hypot(*(ends.low - ends.least for ends in several)),
        math.hypot(*(ends.most - ends.high for ends in several)),
    )
    return UncertainNumber(least=max(low - down, 0.0), low=low, high=high, most=high + up)
