"""Keyed draws."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.draw import draw

KNOWN = [0.6376, 0.134526, 0.051334]


@given(st.integers(0, 2**53), st.lists(st.text() | st.integers(), max_size=4))
def test_a_draw_is_fixed_by_seed_and_key(seed: int, key: list[str | int]) -> None:
    """The same key gives the same number in [0, 1), whatever was drawn before."""
    first = draw(seed, *key)
    draw(seed, "another")
    assert draw(seed, *key) == first
    assert 0 <= first < 1


def test_draws_are_known_for_ever() -> None:
    """A seed in an old report must still reproduce it: the numbers may not change between versions."""
    assert [round(draw(1, "arrival", place), 6) for place in range(3)] == KNOWN


def test_draws_fill_the_interval_evenly() -> None:
    """Ten thousand draws: each tenth holds a tenth, within five standard deviations."""
    counts = [0] * 10
    for place in range(10_000):
        counts[int(draw(7, "even", place) * 10)] += 1
    assert all(abs(count - 1000) < 150 for count in counts)
