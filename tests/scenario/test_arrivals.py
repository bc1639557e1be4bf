"""When requests come."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.document import parse, validate
from harness.draw import draw
from harness.quantities import S
from harness.scenario.arrivals import expected, planned, times_ns
from harness.scenario.schema import Load, RateStep

END_NS = 60 * S


def ramp(rate: float, over_s: float) -> RateStep:
    """Return a step that leads to a rate."""
    return RateStep(rate=rate, over=round(over_s * S))


def level(rate: float, for_s: float) -> RateStep:
    """Return a step at one rate."""
    return RateStep(rate=rate, for_=round(for_s * S))


def times(*steps: RateStep, arrivals: Literal["poisson", "constant"] = "constant", end_s: float = 60) -> list[float]:
    """Return when the requests of a shape come, in seconds."""
    return [at / S for at in times_ns(Load(shape=steps, arrivals=arrivals), round(end_s * S), 1)]


def test_a_single_rate_comes_as_ever() -> None:
    """Exponential gaps by inversion, added up; a seed gives the same times in every version."""
    at, wanted = 0.0, []
    for place in range(200):
        at += -math.log1p(-draw(7, "arrival", place)) * (10**9 / 3)
        wanted.append(int(at))
    assert list(times_ns(Load(rate=3), END_NS, 7)) == [ns for ns in wanted if ns < END_NS]
    assert list(times_ns(Load(rate=2, arrivals="constant"), 2 * S, 7)) == [0, S // 2, S, 3 * S // 2]


def test_steps_follow_each_other() -> None:
    """And the last one holds to the end."""
    found = times(level(1, 10), level(5, 10), level(2, 1), end_s=30)
    assert found[:10] == list(range(10))
    assert sum(10 <= at < 20 for at in found) == 50
    assert [at for at in found if at >= 20] == pytest.approx([20 + place / 2 for place in range(20)])


def test_a_ramp_grows_evenly() -> None:
    """From 0 to 10/s in 10 s come 50 requests, a quarter of them in the first half."""
    found = times(ramp(10, 10), end_s=10)
    assert len(found) == 50
    assert sum(at < 5 for at in found) == 13
    assert found[8] == pytest.approx(4)  # 8 = 4 * 4 / 2


def test_a_ramp_begins_at_the_rate_before() -> None:
    """Also downwards."""
    found = times(level(10, 5), ramp(2, 10), end_s=25)
    assert sum(5 <= at < 15 for at in found) == 60
    assert sum(at >= 15 for at in found) == 20


@given(
    st.lists(
        st.builds(level, st.floats(0.1, 50), st.floats(0.1, 20))
        | st.builds(ramp, st.floats(0.1, 50), st.floats(0.1, 20)),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["constant", "poisson"]),
    st.integers(0, 1000),
)
def test_any_shape_brings_what_is_expected(steps: list[RateStep], arrivals: Any, seed: int) -> None:
    """In order, before the end, and as many as the rates add up to."""
    load = Load(shape=tuple(steps), arrivals=arrivals)
    found = list(times_ns(load, END_NS, seed))
    assert all(one <= two for one, two in pairwise(found))
    assert all(0 <= at < END_NS for at in found)
    for until_ns in (END_NS // 3, END_NS):
        wanted = expected(load, until_ns)
        came = sum(at < until_ns for at in found)
        assert abs(came - wanted) <= (1.01 if arrivals == "constant" else 6 * math.sqrt(wanted) + 6)
    assert planned(load, S, 2 * S) == pytest.approx(expected(load, 2 * S) - expected(load, S))


def test_a_load_can_be_made_smaller() -> None:
    """At the same times of day, whichever way it is written."""
    assert Load(rate=10).times(0.5).rate == 5
    assert expected(Load(shape=(level(4, 10), ramp(8, 10))).times(0.25), 20 * S) == pytest.approx(25)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("streaming: 10%", "expected `rate`, or `shape`"),
        ("{rate: 1/s, shape: [{rate: 1/s, for: 1s}]}", "`rate` and `shape` do not go together"),
        ("shape: [{rate: 1/s}]", "expected `for` or `over`"),
        ("shape: [{rate: 1/s, for: 1s, over: 1s}]", "expected `for` or `over`"),
        ("shape: [{rate: 1/s, over: 0s}]", "shape[0].over"),
    ],
)
def test_a_load_that_says_too_much_or_too_little(text: str, problem: str) -> None:
    """With the field, and what to write."""
    with pytest.raises(Exception, match=r"load\.yaml") as caught:
        validate(parse(text.encode(), Path("load.yaml")), Load)
    assert problem in str(caught.value)
