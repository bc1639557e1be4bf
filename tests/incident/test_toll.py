"""Tolls of settings: sums, fronts, and what is clearly better."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.incident.numbers import OutageNumbers, SampledNumber
from harness.incident.objective import Objective
from harness.incident.toll import Toll, better, beyond_noise, front, gains, toll

NOW = Toll(unserved_ns=1000.0, noise_ns=10.0, wait_ns=500.0, cost_usd=0.01, attempts=100.0, requests=1000.0)


def numbers(lost: float, *, late_ns: float | None = 0.0, spent_usd: float | None = 1.0) -> OutageNumbers:
    """Return what an incident of 100 requests came to."""
    share = SampledNumber(low=lost, value=lost, high=lost)
    return OutageNumbers(
        requests=100.0,
        lost=share,
        unserved_ns=share,
        late_ns=late_ns,
        cost_usd=0.0,
        spent_usd=spent_usd,
        attempts=100.0,
    )


def test_a_wait_counts_by_the_answers_that_waited() -> None:
    """An incident without an answer adds none; an answer's cost is that of all over all answers."""
    found = toll([numbers(0, late_ns=300.0), numbers(50, late_ns=0.0), numbers(100, late_ns=None, spent_usd=0.0)])
    assert found.wait_ns == 200.0
    assert found.cost_usd == pytest.approx(2 / 150)
    assert found.unserved_ns == 150.0


def test_a_price_that_is_not_known_leaves_no_cost() -> None:
    """And is worse than any."""
    found = toll([numbers(0), numbers(0, spent_usd=None)])
    assert found.cost_usd is None
    assert found.of(Objective.COST) == float("inf")


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), min_size=1, max_size=12))
def test_a_front_is_what_nothing_beats(points: list[tuple[int, int, int, int]]) -> None:
    """Nobody outside of it is unbeaten by it, nobody in it is beaten, and equals are in it once."""
    tolls = {
        number: replace(NOW, unserved_ns=float(a), wait_ns=float(b), cost_usd=float(c), attempts=float(d))
        for number, (a, b, c, d) in enumerate(points)
    }
    found = front(tolls)

    def beats(one: int, other: int) -> bool:
        return points[one] != points[other] and all(x <= y for x, y in zip(points[one], points[other], strict=True))

    assert found
    assert len({points[number] for number in found}) == len(found)
    assert not any(beats(one, other) for one in tolls for other in found)
    assert all(any(beats(one, other) or points[one] == points[other] for one in found) for other in tolls)


@pytest.mark.parametrize(
    ("new", "objective", "expected"),
    [
        (replace(NOW, unserved_ns=900.0), Objective.UNSERVED, True),
        (replace(NOW, unserved_ns=985.0), Objective.UNSERVED, False),
        (replace(NOW, unserved_ns=100.0, cost_usd=0.0106), Objective.UNSERVED, False),
        (replace(NOW, unserved_ns=100.0, cost_usd=None), Objective.UNSERVED, False),
        (replace(NOW, wait_ns=100.0), Objective.WAIT, True),
        (replace(NOW, wait_ns=100.0, unserved_ns=1100.0), Objective.WAIT, False),
    ],
)
def test_what_is_clearly_better(new: Toll, objective: Objective, expected: object) -> None:
    """By more than two in a hundred, at a cost that is no more than five in a hundred higher, and not for callers' loss."""
    assert better(new, NOW, objective) is expected


def test_an_answer_at_last_is_a_shorter_wait() -> None:
    """Where nobody was answered, the wait has no number; where no price is known, nothing is cheaper."""
    mute = replace(NOW, wait_ns=None, cost_usd=None)
    assert gains(NOW, mute, Objective.WAIT)
    assert not gains(mute, mute, Objective.WAIT)
    assert not gains(NOW, mute, Objective.COST)


def test_a_gain_may_be_dear() -> None:
    """It is one all the same."""
    dear = replace(NOW, unserved_ns=100.0, cost_usd=0.02)
    assert gains(dear, NOW, Objective.UNSERVED)
    assert not better(dear, NOW, Objective.UNSERVED)


@pytest.mark.parametrize(("unserved", "clear"), [(994.0, True), (996.0, False), (1006.0, False)])
def test_a_gain_within_the_noise_is_not_clear(unserved: float, clear: object) -> None:
    """The samples of both are uncertain: 3 and 4 make 5."""
    new = replace(NOW, unserved_ns=unserved - 0.5, noise_ns=3.0)
    assert beyond_noise(new, replace(NOW, noise_ns=4.0)) is clear
