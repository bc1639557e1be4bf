"""How often chance alone is called a regression: exactly as seldom as promised."""

from __future__ import annotations

import numpy as np
import pytest

from harness.judge.comparison.chance import ALARM, chances, pairs_needed
from harness.judge.tables.columns import Floats

COLUMNS = 30


def chance_of(before: Floats, after: Floats) -> Floats:
    """Return the chances of columns of which every change counts."""
    none = np.zeros(len(before))
    return chances(before, after, share=none, floor=none)


@pytest.mark.parametrize("runs", [5, 8, 16])
@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_many_columns_raise_no_more_false_alarms_than_one(runs: int, alike: float) -> None:
    """Thirty numbers that follow each other or not, redrawn from what has heavy tails: seldom is any called worse."""
    draws = np.random.default_rng(1)
    alarms, tries = 0, 300
    for _ in range(tries):
        shared = draws.standard_t(2, size=(2, 1, runs))
        own = draws.standard_t(2, size=(2, COLUMNS, runs))
        before, after = alike * shared + (1 - alike) * own
        alarms += bool((chance_of(before, after) <= ALARM).any())
    assert alarms / tries <= ALARM + 3 * (ALARM * (1 - ALARM) / tries) ** 0.5


def test_a_change_is_found_among_many_that_are_none() -> None:
    """A column that is worse in every pair, beside thirty that only scatter."""
    draws = np.random.default_rng(2)
    before = draws.normal(10, 1, size=(COLUMNS, 10))
    after = draws.normal(10, 1, size=(COLUMNS, 10))
    after[0] = before[0] + draws.normal(2, 0.4, size=10)
    found = chance_of(before, after)
    assert found[0] == pytest.approx(1 / 2**10)
    assert (found[1:] > ALARM).all()


def test_a_swap_of_all_pairs_is_as_likely_as_none() -> None:
    """Two runs, or one: the smallest chance there is."""
    for runs in (1, 2, 3):
        before, after = np.zeros((1, runs)), np.ones((1, runs))
        assert chance_of(before, after) == [1 / 2**runs]
        assert chance_of(after, before) == [1.0]


def test_what_is_too_small_to_matter_has_no_part() -> None:
    """A column that moves by less than counts is not worse, and hides no other."""
    before, after = np.full((2, 5), 10.0), np.array([[10.4] * 5, [12.0] * 5])
    found = chances(before, after, share=np.array([0.05, 0.05]), floor=np.zeros(2))
    assert found.tolist() == [1.0, 1 / 32]


@pytest.mark.parametrize(("cells", "pairs"), [(1, 5), (2, 6), (3, 6), (6, 7), (7, 8), (25, 9)])
def test_more_cells_need_more_pairs(cells: int, pairs: int) -> None:
    """Each has its share of the whole comparison's 5 %."""
    assert pairs_needed(cells) == pairs
    assert 1 / 2**pairs <= ALARM / cells < 1 / 2 ** (pairs - 1)
