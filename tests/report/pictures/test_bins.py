"""Bins of a timeline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.quantities import S
from harness.report.pictures.bins import BINS_MAX, PIXELS, bin_edges_s, bins, counts, ratio
from harness.scenario import Inject, Phase, Plan, Timeline
from tests.histories import primary_429
from tests.plans import window

DEMO, _ = primary_429()


def plan(ends_s: list[float], faults_s: list[tuple[float, float]] = []) -> Plan:  # noqa: B006 - never changed
    """Return a plan with phases that end at these times, and these faults."""
    starts = [0.0, *ends_s]
    phases = tuple(
        Phase(name=f"phase-{place}", start_ns=round(start * S), end_ns=round(end * S))
        for place, (start, end) in enumerate(zip(starts, ends_s, strict=False))
    )
    windows = tuple(
        window(Inject(status=503), fault_id=f"fault-{place}", start_ns=round(start * S), end_ns=round(end * S))
        for place, (start, end) in enumerate(faults_s)
    )
    return replace(DEMO, phases=phases, timeline=Timeline(windows=windows))


@pytest.mark.parametrize(
    ("ends_s", "end_s", "events"),
    [
        ([8, 48, 63], 63.0, 653),
        ([7, 52, 58], 58.0, 133),
        ([0.1, 0.3], 0.3, 3),
        ([10, 7200], 7200.0, 10**6),
        ([63], 63.0, 0),
        ([8, 48, 63], 70.5, 653),
    ],
)
def test_bins_end_where_phases_end(ends_s: list[float], end_s: float, events: int) -> None:
    """No bin holds both sides of a phase's edge; bins cover the run, grow, and are few enough to be seen."""
    edges = bin_edges_s(plan(ends_s), end_s, events)
    assert edges[0] == 0
    assert edges[-1] == end_s
    assert (np.diff(edges) > 0).all()
    assert len(edges) - 1 <= BINS_MAX + len(ends_s)
    assert {float(end) for end in ends_s[:-1]} <= set(edges.tolist())


def test_bins_end_where_a_fault_begins_and_ends() -> None:
    """A fault given by `at` and `for` need not follow the phases."""
    edges = bin_edges_s(plan([60], [(20.5, 33.25)]), 60.0, 600).tolist()
    assert 20.5 in edges
    assert 33.25 in edges


def test_a_fault_beside_a_phase_s_edge_makes_no_splinter() -> None:
    """A bin of a millisecond would show one attempt as a storm."""
    edges = bin_edges_s(plan([8, 48, 63], [(8.001, 47.999)]), 63.0, 653)
    assert np.diff(edges).min() > 0.5


@given(
    st.lists(st.integers(1, 10**4), min_size=1, max_size=12, unique=True),
    st.lists(st.tuples(st.integers(0, 10**4), st.integers(1, 500)), max_size=20),
    st.floats(0, 100),
    st.integers(0, 10**6),
)
def test_no_bin_straddles_an_edge(ends: list[int], faults: list[tuple[int, int]], tail_s: float, events: int) -> None:
    """Phases have their very edges, and faults theirs, or one that cannot be told from it, whatever the plan."""
    ends_s = sorted(end / 10 for end in ends)
    faults_s = [(start / 10, (start + length) / 10) for start, length in faults]
    end_s = ends_s[-1] + tail_s
    edges = bin_edges_s(plan(ends_s, faults_s), end_s, events)
    assert edges[0] == 0
    assert edges[-1] == end_s
    assert (np.diff(edges) > 0).all()
    assert set(ends_s[:-1]) <= set(edges.tolist())
    for edge_s in (edge for fault in faults_s for edge in fault if edge < end_s):
        assert np.abs(edges - edge_s).min() < end_s / PIXELS


def test_an_edge_near_another_is_an_edge() -> None:
    """A fault that begins half a bin after its phase has a bin of its own there."""
    edges = bin_edges_s(plan([8, 48, 63], [(8.4, 47.6)]), 63.0, 653).tolist()
    assert {8.0, 8.4, 47.6, 48.0} <= set(edges)


@pytest.mark.parametrize(("tail_s", "own_bin"), [(0.0003, False), (5.0, True)])
def test_late_attempts_make_no_splinter(tail_s: float, own_bin: bool) -> None:
    """What came just after the end belongs to the last bin; what came long after has bins of its own."""
    edges = bin_edges_s(plan([8, 48, 63]), 63 + tail_s, 653)
    assert (63.0 in edges.tolist()) is own_bin
    assert np.diff(edges).min() > 0.4


def test_before_the_fault_looks_whole() -> None:
    """All that ended before a fault succeeded; so does every bin before it, wherever the fault begins."""
    ends_s = [7.3, 52.3, 58.0]
    edges = bin_edges_s(plan(ends_s, [(7.3, 52.3)]), 58.0, 133)
    at_ns = pd.Series(np.arange(0, 58, 0.1) * S)
    good = (at_ns < 7.3 * S) | (at_ns >= 52.3 * S)
    share = ratio(counts(at_ns[good], edges), counts(at_ns, edges))
    assert set(share.tolist()) == {0.0, 1.0}


def test_a_moment_at_an_edge_belongs_to_what_begins_there() -> None:
    """As a request at a phase's end belongs to the next phase."""
    edges = np.array([0.0, 1.0, 2.0])
    assert bins(pd.Series([0, S - 1, S, 2 * S]), edges).tolist() == [0, 0, 1, 1]
    assert np.isnan(ratio(counts(pd.Series([S]), edges), np.array([0, 1]))[0])
