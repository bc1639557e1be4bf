"""By which rule a chain waits before it tries a provider again: measured from its gaps.

Waits of all the usual rules are drawn evenly from a band, one for each retry of a request (Brooker, "Exponential Backoff And
Jitter", 2015; `litellm.utils.calculate_retry_after`; `openai._base_client`). So the ends of each band are estimated, and a rule is
named if its ends lie within the intervals of all of them.

The intervals are exact for even draws: of n sorted values on [a, b], (b - X(s)) / (X(s) - X(r)) is distributed as the ratio of two
gamma variables with n + 1 - s and s - r degrees, whatever a and b are, since the spacings of even draws are exchangeable (David and
Nagaraja, Order Statistics, 2.5 and 6.4); likewise (X(r) - a) / (X(s) - X(r)). A bootstrap would not do: its largest value is never
larger than the largest observed. r and s leave out one in a hundred at each end, so that a few delayed attempts change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.chain.waits import LITELLM, OPENAI_SDK
from harness.judge.intervals import CONFIDENCE, Interval
from harness.judge.tables.columns import TOLERANCE_NS, Floats, Ints
from harness.lazy import lazy

if TYPE_CHECKING:
    from scipy import special
else:
    special = lazy("scipy.special")

SAMPLES_MIN = 5
"""Retries of one number that make a band."""
CERTAINTY = 0.99
"""How often the true rule is among those that are named, at least."""
IMMEDIATE, FIXED, FULL, EQUAL, DECORRELATED = (
    "immediate",
    "no jitter",
    "full jitter",
    "equal jitter",
    "decorrelated jitter",
)
GROWTH_MIN = 1.1
"""Waits of which each is not even so many times as long as the one before do not grow."""
_TRIMMED = 100
_STAMPS_NS = 1e6
"""A wait may be measured so much too short."""


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of a band from which some values were drawn evenly; NaN and no bound with fewer than `SAMPLES_MIN` of them.

    Attributes:
        ordered: The values, sorted.
    """

    ordered: Floats

    @property
    def samples(self) -> int:
        """How many there are."""
        return len(self.ordered)

    def shortest(self, confidence: float = CONFIDENCE) -> Estimate:
        """Return the lower end, in the unit of the values."""
        middle, near, far, _, first = self._beyond(confidence)
        return Estimate(first - middle, first - far, first - near)

    def longest(self, confidence: float = CONFIDENCE) -> Estimate:
        """Return the upper end, in the unit of the values."""
        middle, near, far, last, _ = self._beyond(confidence)
        return Estimate(last + middle, last + near, last + far)

    def _beyond(self, confidence: float) -> tuple[float, float, float, float, float]:
        """Return how far the ends lie beyond the outermost values that count: median and interval; and these, last and first."""
        cut = 1 + self.samples // _TRIMMED
        first, last = float(self.ordered[cut - 1]), float(self.ordered[-cut])
        inner = self.samples + 1 - 2 * cut
        tail = (1 - confidence) / 2
        ratios = (float(cut / inner * special.fdtri(2 * cut, 2 * inner, share)) for share in (0.5, tail, 1 - tail))
        middle, near, far = (ratio * (last - first) for ratio in ratios)
        return middle, near, far, last, first


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffFit:
    """What the waits before retries at one provider look like.

    Attributes:
        ends: The band of each retry of a request, the first one first, as far as there are enough of them.
        names: The rules that fit, in words: none, or several that cannot be told apart.
        base: The first wait at its longest, in nanoseconds; at its shortest where a random part is added to it.
        factor: How many times as long the second one is; None where no request was tried again twice.
        drawn: The part of the first wait that is drawn, of 1.
    """

    ends: tuple[Ends, ...]
    names: tuple[str, ...]
    base: Estimate
    factor: Estimate | None
    drawn: Estimate

    @property
    def grows(self) -> bool | None:
        """Whether waits grow; None where that cannot be told."""
        if self.factor is None:
            return None
        longer_ns = (self.factor.low - 1) * self.base.value
        if longer_ns > TOLERANCE_NS:
            return True
        return False if self.factor.low <= 1 <= self.factor.high < GROWTH_MIN else None


def fit(gap_ns: Floats, nth: Ints) -> BackoffFit | None:
    """Return what waits look like; None if there are too few.

    Args:
        gap_ns: Each wait before a retry that had no Retry-After to obey, in nanoseconds.
        nth: Which retry of its request it was, from 1.
    """
    ends: list[Ends] = []
    for number in range(1, int(nth.max(initial=0)) + 1):
        mine = np.sort(gap_ns[nth == number])
        if len(mine) < SAMPLES_MIN:
            break
        ends.append(Ends(mine))
    if not ends:
        return None
    names = tuple(_named(ends))
    added = LITELLM.name in names and len(names) == 1
    half = 1 - (1 - CONFIDENCE) / 2  # a ratio of two ends: both intervals hold together in 95 % of all cases
    low, high = ends[0].shortest(half), ends[0].longest(half)
    factor = None
    if len(ends) > 1:
        factor = _ratio(ends[1].shortest(half), low) if added else _ratio(ends[1].longest(half), high)
    part = _ratio(low, high)
    return BackoffFit(
        ends=tuple(ends),
        names=names,
        base=ends[0].shortest() if added else ends[0].longest(),
        factor=factor,
        drawn=Estimate(*(min(1.0, max(0.0, 1 - share)) for share in (part.value, part.high, part.low))),
    )


def _ratio(above: Estimate, below: Estimate) -> Estimate:
    if below.low <= 0:
        return Estimate(above.value / below.value if below.value > 0 else np.inf, 0.0, np.inf)
    return Estimate(above.value / below.value, above.low / below.high, above.high / below.low)


def _named(ends: list[Ends]) -> Iterable[str]:
    """Yield the rules whose bands have ends within the intervals of all ends, which hold together in `CERTAINTY` of all cases."""
    confidence = 1 - (1 - CERTAINTY) / (2 * len(ends))
    # A chain needs time of its own, so that waits are measured longer than they are, never much shorter.
    low = [_truth(each.shortest(confidence)) for each in ends]
    high = [_truth(each.longest(confidence)) for each in ends]
    if all(least <= 0 for least, _ in high):
        yield IMMEDIATE
        return
    for rule in (LITELLM, OPENAI_SDK):
        bands = [rule.band(number, None) for number in range(1, len(ends) + 1)]
        if all(
            _within(band.least, one) and _within(band.most, two)
            for band, one, two in zip(bands, low, high, strict=True)
        ):
            yield rule.name
    if any(later[1] < earlier[0] for earlier, later in pairwise(high)):
        return  # waits that become shorter follow none of the rules below
    for name, holds in _SHAPES.items():
        if holds(low, high):
            yield name


def _truth(end: Estimate) -> Interval:
    return end.low - TOLERANCE_NS, end.high + _STAMPS_NS


def _within(value: float, ends: Interval) -> bool:
    return ends[0] <= value <= ends[1]


def _meet(one: Interval, other: Interval) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _decorrelated(low: list[Interval], high: list[Interval]) -> bool:
    """The first wait is the base; each further one is drawn between it and three times the one before (Brooker, 2015)."""
    base = max(least for least, _ in (*low, high[0])), min(most for _, most in (*low, high[0]))
    if base[0] > base[1]:
        return False
    return len(high) == 1 or _meet(high[1], (3 * base[0], 3 * base[1]))


_SHAPES: Mapping[str, Callable[[list[Interval], list[Interval]], bool]] = {
    FIXED: lambda low, high: all(_meet(one, two) for one, two in zip(low, high, strict=True)),
    FULL: lambda low, _high: all(_within(0.0, one) for one in low),
    EQUAL: lambda low, high: all(_meet((2 * one[0], 2 * one[1]), two) for one, two in zip(low, high, strict=True)),
    DECORRELATED: _decorrelated,
}


def in_words(found: BackoffFit) -> str:
    """Return the name of the rule that waits look like: `exponential with full jitter`; which ones cannot be told apart; or none."""
    if not found.names:
        return "none of the known rules"
    growth = {True: "exponential", False: "constant", None: ""}[found.grows]
    named = [_in_words(name, growth) for name in found.names]
    if len(named) > 1:
        return f"cannot be told apart: {' or '.join(named)}"
    unsure = found.grows is None and found.names[0] in (FIXED, FULL, EQUAL)
    return named[0] + ("; whether waits grow cannot be told" if unsure else "")


def _in_words(name: str, growth: str) -> str:
    if name not in (FIXED, FULL, EQUAL):
        return name
    if name == FIXED:
        return growth or "the same wait each time, or one that grows, without jitter"
    return f"{growth} with {name}" if growth else name


def beyond_retry_after(extra_ns: Floats) -> str:
    """Return in words by how much longer than Retry-After a chain waits that obeys it.

    Args:
        extra_ns: By how much each wait was longer, in nanoseconds, sorted.
    """
    if len(extra_ns) < SAMPLES_MIN:
        return "obeyed"
    ends = Ends(extra_ns)
    low, high = _truth(ends.shortest(CERTAINTY)), _truth(ends.longest(CERTAINTY))
    if high[0] <= 0:
        return "obeyed, and nothing added"
    if _within(0, low) and _within(LITELLM.told_added_ns, high):
        return f"obeyed, as {LITELLM.name} does"
    return "obeyed, and more added"
