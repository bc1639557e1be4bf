"""Which part of an incident is played, and what it stands for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.incident.cutting import Cut, played, weights

CUT = Cut(settle=60, sample=40, tail=30)
EDGES = st.sets(st.integers(0, 5_000), min_size=2, max_size=12)


@given(EDGES)
def test_every_instant_is_played_or_stood_for(edges: set[int]) -> None:
    """The weights of all played instants add up to the real time."""
    parts = played(edges, CUT, begin_ns=7)
    instants = np.arange(7, parts[-1].end_ns, dtype=np.float64)
    assert np.isclose(weights(parts, instants).sum(), max(edges) - min(edges))


@given(EDGES)
def test_parts_follow_each_other(edges: set[int]) -> None:
    """Without gaps, each with a real edge at both ends, and none longer than it was or than is played at most."""
    parts = played(edges, CUT, begin_ns=7)
    assert [part.start_ns for part in parts] == [7, *(part.end_ns for part in parts[:-1])]
    assert {part.real_start_ns for part in parts} == set(sorted(edges)[:-1])
    assert all(0 < part.length_ns <= min(part.real_ns, CUT.most) for part in parts)


def test_the_sample_lies_between_settling_and_the_next_edge() -> None:
    """So it is of the steady time alone."""
    (part,) = played([0, 1_000], CUT, begin_ns=7)
    assert (part.length_ns, part.sample_ns) == (130, (67, 107))
    assert part.weight == 1 + 870 / 40


def test_a_short_part_is_played_whole() -> None:
    """Then nothing stands for anything."""
    (part,) = played([0, 130], CUT, begin_ns=7)
    assert (part.length_ns, part.left_out_ns, part.weight) == (130, 0, 1.0)
