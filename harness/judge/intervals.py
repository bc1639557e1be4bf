"""How certain a number is: 95 % intervals, and how many samples would have been enough.

Sources: Wilson (1927) for shares; Garwood (1936), exact, for Poisson counts; the binomial order-statistic interval (David and Nagaraja, Order Statistics, 7.1)
for quantiles; Student's t for means, widened for those of counts. Requests of one run are not independent of each other,
so an interval describes the arrivals of this run and does not predict another run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.tables.columns import Floats
from harness.lazy import lazy
from harness.scenario.expectation import Op

if TYPE_CHECKING:
    from scipy import special
else:
    special = lazy("scipy.special")  # scipy.stats has the same quantiles, and takes a second to import

Interval = tuple[float, float]

CONFIDENCE = 0.95
MEAN_SAMPLES_MIN = 5
"""With fewer a mean has no interval, not even when they are all equal."""
_TAIL = (1 - CONFIDENCE) / 2
_Z = NormalDist().inv_cdf(1 - _TAIL)
_NEEDED_MAX = 10**9


def wilson(hits: int, samples: int) -> Interval:
    """Return Wilson's score interval of a share.

    Args:
        hits: Samples that count, 0 to `samples`.
        samples: All samples; with none, everything is possible.
    """
    if samples == 0:
        return 0.0, 1.0
    share = hits / samples
    square = _Z**2 / samples
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    # At the ends the formula gives 0 and 1 but for rounding.
    low = 0.0 if hits == 0 else middle - half
    high = 1.0 if hits == samples else middle + half
    return low, high


def poisson(count: int) -> Interval:
    """Return Garwood's exact interval of the mean of a Poisson distribution that gave `count` events."""
    low = float(special.gammaincinv(count, _TAIL)) if count else 0.0
    return low, float(special.gammaincinv(count + 1, 1 - _TAIL))


def quantile(ordered: Floats, share: float) -> float:
    """Return the smallest value that at least `share` of the sorted values do not exceed: always one of them."""
    # The subtraction keeps 0.95 * 20 at 19.
    place = math.ceil(len(ordered) * share - 1e-9)
    return float(ordered[max(place, 1) - 1])


def quantile_interval(ordered: Floats, share: float) -> Interval:
    """Return the order-statistic interval of a quantile of sorted values; an infinite bound means too few of them."""
    low, high = quantile_places(len(ordered), share)
    return (
        float(ordered[low - 1]) if low >= 1 else -math.inf,
        float(ordered[high - 1]) if high <= len(ordered) else math.inf,
    )


@lru_cache(maxsize=4096)
def quantile_places(samples: int, share: float) -> tuple[int, int]:
    """Return the places, from 1, of the two values that enclose a quantile; 0 and `samples` + 1 stand for infinity.

    The number of values below the quantile is binomial, so each tail is at most 2.5 %.
    """
    if samples == 0:
        return 0, 1
    low, high = (_binomial_quantile(tail, samples, share) for tail in (_TAIL, 1 - _TAIL))
    return low, high + 1


def _binomial_quantile(tail: float, samples: int, share: float) -> int:
    """Return the smallest count whose distribution function reaches `tail`."""
    count = max(0, math.ceil(special.bdtrik(tail, samples, share)))
    return count - 1 if count and special.bdtr(count - 1, samples, share) >= tail else count


def mean_interval(values: Floats) -> Interval:
    """Return Student's t interval of the mean; equal values give a width of 0, fewer than five or infinite ones no bound."""
    if len(values) < MEAN_SAMPLES_MIN or not np.isfinite(values).all():
        return -math.inf, math.inf
    return _students(*_moments(values))


def count_interval(values: Floats, most: float) -> Interval:
    """Return the interval of a mean of counts: Student's t, joined with t over the values and one imagined one of `most`.

    Counts are skewed. Where few requests make many attempts, a small sample often holds none of these, and plain t covers
    the true mean in as few as 9 % of such samples. The imagined request represents those that the sample may have missed.

    Args:
        values: A count per request.
        most: The highest count that a request can have.
    """
    if len(values) < MEAN_SAMPLES_MIN:
        return -math.inf, math.inf
    return _of_counts(*_moments(values), max(most, float(values.max())))


def _of_counts(mean: float, variance: float, samples: int, most: float) -> Interval:
    more = samples + 1
    shifted = mean + (most - mean) / more
    wider = variance * samples / more + (most - mean) ** 2 * samples / more**2
    plain, joined = _students(mean, variance, samples), _students(shifted, wider, more)
    return max(0.0, min(plain[0], joined[0])), max(plain[1], joined[1])


def _moments(values: Floats) -> tuple[float, float, int]:
    """Return the mean, the variance (divided by the number of values) and the number of values."""
    values = np.sort(values)  # so that their order cannot show in the last digit
    return float(values.mean()), float(values.var()), len(values)


def _students(mean: float, variance: float, samples: int) -> Interval:
    half = float(special.stdtrit(samples - 1, 1 - _TAIL)) * math.sqrt(variance / (samples - 1))
    return mean - half, mean + half


def keeps(op: Op, target: float, seen: Interval) -> bool:
    """Return whether all of an interval keeps a limit."""
    low, high = seen
    return {">=": low >= target, ">": low > target, "<=": high <= target, "<": high < target}[op]


def needed_for_mean(op: Op, target: float, *, values: Floats, most: float) -> int | None:
    """Return how many samples like these pass a limit on the mean of their counts; None where no number does.

    Args:
        op: How the mean must compare with `target`.
        target: A count per request.
        values: The counts seen.
        most: The highest count that a request can have.
    """
    if len(values) < MEAN_SAMPLES_MIN:
        return MEAN_SAMPLES_MIN
    mean, variance, samples = _moments(values)
    most = max(most, float(values.max()))
    return _smallest(lambda count: keeps(op, target, _of_counts(mean, variance, count, most)), start=samples)


def needed_for_rate(op: Op, target: float, *, hits: int, samples: int) -> int | None:
    """Return how many samples pass a limit on a share, if no more of the bad ones come; None where no number does.

    Args:
        op: How the share must compare with `target`.
        target: A share.
        hits: Samples seen that count.
        samples: Samples seen.
    """
    failures = samples - hits

    def enough(count: int) -> bool:
        return keeps(op, target, wilson(count - failures if op in (">=", ">") else hits, count))

    return _smallest(enough, start=max(samples, 1))


def needed_for_quantile(share: float) -> int:
    """Return how many samples give a quantile a finite interval on both sides."""
    both = _smallest(lambda count: max(share, 1 - share) ** count <= _TAIL, start=1)
    assert both is not None
    return both


def _smallest(enough: Callable[[int], bool], *, start: int) -> int | None:
    """Return the smallest count from `start` on that is enough, given that all larger ones are too."""
    high = start
    while not enough(high):
        high *= 2
        if high > _NEEDED_MAX:
            return None
    low = max(start - 1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
