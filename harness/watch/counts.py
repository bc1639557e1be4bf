"""Values of the instruments, summed up outside of any library: a run counts thousands of rows a second."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.watch.instruments import Instrument

Labels = tuple[str, ...]


@dataclass(slots=True)
class Histogram:
    """Observations by bucket.

    Attributes:
        buckets: How many lie in each bucket, the infinite one last; not cumulative.
        total: Their sum.
    """

    buckets: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Counts:
    """Values by instrument and labels; the labels are in the order of the instrument's.

    Attributes:
        numbers: Of counters and gauges.
        histograms: Of histograms.
    """

    numbers: defaultdict[Instrument, dict[Labels, float]] = field(default_factory=lambda: defaultdict(dict))
    histograms: defaultdict[Instrument, dict[Labels, Histogram]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, instrument: Instrument, *labels: str, amount: float = 1.0) -> None:
        """Add to a counter."""
        values = self.numbers[instrument]
        values[labels] = values.get(labels, 0.0) + amount

    def set(self, instrument: Instrument, *labels: str, value: float) -> None:
        """Set a gauge, or a counter that is counted elsewhere."""
        self.numbers[instrument][labels] = value

    def observe(self, instrument: Instrument, *labels: str, seconds: float) -> None:
        """Add one observation to a histogram."""
        found = self.histogram(instrument, labels)
        found.buckets[bisect_left(instrument.buckets, seconds)] += 1
        found.total += seconds

    def observe_all(self, instrument: Instrument, *labels: str, seconds: Sequence[float] | NDArray[np.float64]) -> None:
        """Add many observations to a histogram; none makes it begin with zeros."""
        found = self.histogram(instrument, labels)
        places = np.searchsorted(instrument.buckets, seconds, side="left")
        added = np.bincount(places, minlength=len(found.buckets))
        found.buckets = [one + int(more) for one, more in zip(found.buckets, added, strict=True)]
        found.total += float(np.sum(seconds))

    def histogram(self, instrument: Instrument, labels: Labels) -> Histogram:
        """Return a histogram, of zeros if it is new."""
        histograms = self.histograms[instrument]
        if labels not in histograms:
            histograms[labels] = Histogram([0] * (len(instrument.buckets) + 1))
        return histograms[labels]

    def plus(self, other: Counts) -> Counts:
        """Return the sums of both; a gauge of the other one replaces ours."""
        both = Counts()
        for each in (self, other):
            for instrument, values in each.numbers.items():
                for labels, value in values.items():
                    if instrument.kind == "counter":
                        both.add(instrument, *labels, amount=value)
                    else:
                        both.set(instrument, *labels, value=value)
            for instrument, histograms in each.histograms.items():
                for labels, one in histograms.items():
                    found = both.histogram(instrument, labels)
                    found.buckets = [a + b for a, b in zip(found.buckets, one.buckets, strict=True)]
                    found.total += one.total
        return both

    def copy(self) -> Counts:
        """Return the same values, which nobody changes."""
        return Counts().plus(self)
