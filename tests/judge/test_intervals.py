"""Intervals against their definitions, tried out one value at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.judge.intervals import (
    count_interval,
    mean_interval,
    needed_for_mean,
    needed_for_quantile,
    needed_for_rate,
    poisson,
    quantile,
    quantile_interval,
    quantile_places,
    wilson,
)


@given(samples=st.integers(1, 2000), data=st.data())
def test_wilson_is_scipys(samples: int, data: st.DataObject) -> None:
    """The same interval as scipy's Wilson interval, without continuity correction."""
    hits = data.draw(st.integers(0, samples))
    interval = stats.binomtest(hits, samples).proportion_ci(0.95, method="wilson")
    assert wilson(hits, samples) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_wilson_of_nothing_is_everything() -> None:
    """No samples rule nothing out."""
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(0, 5000))
def test_a_poisson_interval_leaves_a_fortieth_on_each_side(count: int) -> None:
    """At either end what was seen, or more of it, has a chance of 2.5 %; of nothing there cannot be less."""
    low, high = poisson(count)
    assert stats.poisson.cdf(count, high) == pytest.approx(0.025)
    assert (low == 0.0) if count == 0 else (stats.poisson.sf(count - 1, low) == pytest.approx(0.025))


@pytest.mark.parametrize(
    ("target", "failures", "needed"),
    [
        (0.95, 0, 73),
        (0.95, 1, 110),
        (0.95, 3, 173),
        (0.98, 0, 189),
        (0.98, 1, 280),
        (0.99, 0, 381),
        (0.99, 1, 563),
        (0.99, 3, 878),
        (0.999, 0, 3838),
        (0.999, 1, 5661),
        (0.999, 3, 8817),
    ],
)
def test_requests_needed(target: float, failures: int, needed: int) -> None:
    """So many requests prove a rate, one fewer does not."""
    assert needed_for_rate(">=", target, hits=0, samples=failures) == needed
    assert wilson(needed - failures, needed)[0] >= target
    assert wilson(needed - 1 - failures, needed - 1)[0] < target


def test_needed_counts_from_what_was_seen() -> None:
    """The failures already seen stay, however many requests follow."""
    assert needed_for_rate(">=", 0.98, hits=99, samples=100) == 280


def test_no_number_proves_a_certainty() -> None:
    """No sample size shows that a share is exactly one, or more than it."""
    assert needed_for_rate(">=", 1.0, hits=10, samples=10) is None


def test_an_upper_limit_on_a_share_needs_the_mirror_image() -> None:
    """At most 5 % with no hit needs what at least 95 % with no failure needs."""
    assert needed_for_rate("<=", 0.05, hits=0, samples=1) == 73


@pytest.mark.parametrize(("share", "needed"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688)])
def test_samples_for_a_quantile(share: float, needed: int) -> None:
    """So many values enclose a quantile on both sides, one fewer leaves a side open."""
    assert needed_for_quantile(share) == needed
    enough, short = np.arange(needed, dtype=float), np.arange(needed - 1, dtype=float)
    assert all(math.isfinite(bound) for bound in quantile_interval(enough, share))
    assert any(math.isinf(bound) for bound in quantile_interval(short, share))


@given(samples=st.integers(1, 400), share=st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]))
def test_quantile_places_are_the_tightest(samples: int, share: float) -> None:
    """Each tail keeps 2.5 %, and moving a bound inwards would break that."""
    low, high = quantile_places(samples, share)
    weights = [math.comb(samples, k) * share**k * (1 - share) ** (samples - k) for k in range(samples + 1)]
    below = [sum(weights[:k]) for k in range(samples + 2)]
    assert below[low] <= 0.025 + 1e-9
    assert below[low + 1] >= 0.025 - 1e-9
    assert 1 - below[high] <= 0.025 + 1e-9
    assert 1 - below[high - 1] >= 0.025 - 1e-9


@given(values=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=200), share=st.floats(0.01, 0.999))
def test_a_quantile_is_a_value_within_its_interval(values: list[float], share: float) -> None:
    """The quantile is one of the values, at least that share of them do not exceed it, and its interval holds it."""
    ordered = np.sort(np.array(values))
    found = quantile(ordered, share)
    low, high = quantile_interval(ordered, share)
    assert found in values
    assert (ordered <= found).mean() >= share - 1e-9
    assert (ordered < found).mean() < share
    assert low <= found <= high


@pytest.mark.parametrize(("size", "share", "expected"), [(20, 0.95, 19), (100, 0.99, 99), (1000, 0.999, 999)])
def test_a_quantile_is_not_shifted_by_rounding(size: int, share: float, expected: int) -> None:
    """The p95 of 20 values is the 19th, although 0.95 * 20 is not 19 in binary."""
    assert quantile(np.arange(1, size + 1, dtype=float), share) == expected


def test_equal_values_have_a_mean_without_width() -> None:
    """If every request had four attempts, their mean is four, and at most four."""
    assert mean_interval(np.full(50, 4.0)) == (4.0, 4.0)


def test_few_values_say_nothing_of_a_mean() -> None:
    """Four equal values do not pin a mean down."""
    assert mean_interval(np.full(4, 4.0)) == (-math.inf, math.inf)


@given(values=st.lists(st.integers(0, 20), min_size=5, max_size=100).filter(lambda v: len(set(v)) > 1))
def test_mean_interval_is_students(values: list[int]) -> None:
    """The same interval as scipy's t distribution gives."""
    array = np.array(values, dtype=float)
    expected = stats.t.interval(0.95, len(array) - 1, loc=array.mean(), scale=stats.sem(array))
    assert mean_interval(array) == pytest.approx(expected)


@pytest.mark.parametrize("samples", [5, 20, 50, 200])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("more", [1, 2, 8])
@pytest.mark.parametrize("most", [9, None])
def test_the_interval_of_counts_covers_their_mean(samples: int, share: float, more: int, most: int | None) -> None:
    """One attempt each, and `more` besides for a share of the requests: at least 95 % of all samples cover the true mean.

    Exact: each number of requests with more attempts has its binomial weight. Student's t alone covers 9 % at worst.
    """
    mean, covered, plain = 1 + more * share, 0.0, 0.0
    for hits, weight in enumerate(stats.binom.pmf(np.arange(samples + 1), samples, share)):
        values = np.array([1.0 + more] * hits + [1.0] * (samples - hits))
        low, high = count_interval(values, most or 1 + more)
        covered += weight * (low <= mean <= high)
        low, high = mean_interval(values)
        plain += weight * (low <= mean <= high)
    assert covered >= 0.95
    assert plain < covered
    if (samples, share) == (5, 0.02):
        assert plain == pytest.approx(0.096, abs=0.001)


@pytest.mark.parametrize(("count", "upper"), [(5, 5.761), (20, 2.176), (200, 1.118), (1000, 1.024)])
def test_equal_counts_may_still_have_missed_one(count: int, upper: float) -> None:
    """One attempt each, at most nine: the upper end comes closer to one with every request."""
    low, high = count_interval(np.ones(count), 9)
    assert (low <= 1, high) == (True, pytest.approx(upper, abs=0.001))


@given(values=st.lists(st.integers(0, 20), min_size=5, max_size=100), most=st.integers(1, 30))
def test_the_interval_of_counts_is_never_narrower(values: list[int], most: int) -> None:
    """It holds Student's t, but for what lies below 0, and equals the definition worked out value by value."""
    array = np.array(values, dtype=float)
    plain, imagined = mean_interval(array), mean_interval(np.append(array, max(most, *values)))
    expected = max(0.0, min(plain[0], imagined[0])), max(plain[1], imagined[1])
    assert count_interval(array, most) == pytest.approx(expected, abs=1e-9)


def test_few_counts_say_nothing() -> None:
    """Fewer than five leave everything open."""
    assert count_interval(np.ones(4), 9) == (-math.inf, math.inf)


@given(limit=st.floats(1.01, 3), most=st.integers(2, 20))
def test_so_many_counts_are_enough(limit: float, most: int) -> None:
    """With one fewer of the same kind the limit lies within the interval."""
    needed = needed_for_mean("<=", limit, values=np.ones(5), most=most)
    assert needed is not None
    assert count_interval(np.ones(needed), most)[1] <= limit + 1e-12
    assert needed == 5 or count_interval(np.ones(needed - 1), most)[1] > limit - 1e-12


def test_no_number_of_counts_shows_equality() -> None:
    """The upper end stays above a mean that is the limit itself."""
    assert needed_for_mean("<=", 1.0, values=np.ones(50), most=9) is None
    assert needed_for_mean("<=", 4.0, values=np.full(50, 4.0), most=4) == 50
    assert needed_for_mean("<=", 4.0, values=np.ones(3), most=9) == 5
