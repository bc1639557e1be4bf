"""The timeline."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from harness.judge import RunData
from harness.report import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.bins import bin_edges_s
from harness.report.pictures.timeline import TIMELINE
from harness.report.svg import inline_svg
from tests.histories import framed, history, plan_in


def test_warm_up_is_left_out(demo: JudgedRun) -> None:
    """Calls before the origin are in the history, and in no picture."""
    assert (demo.history.requests["phase"] == "warmup").sum() == 3
    assert len(demo.history.attempts) - len(demo.attempts) == 3
    assert TIMELINE.alt(demo).startswith(
        "Timeline of 653 requests over 63 s: injected openai 429 rate_limit Retry-After 2 s from 8 s to 48 s; "
        "653 of 653 requests got a complete answer"
    )


def test_an_interrupted_run_ends_where_it_was_cut_short(demo: JudgedRun) -> None:
    """What came after it is covered, and no bin holds both: nothing was planned to fail there."""
    history, until_ns = demo.history, 6 * 10**9
    cut = framed(
        history,
        requests=history.requests[history.requests["scheduled_ns"] < until_ns].reset_index(drop=True),
        attempts=history.attempts[history.attempts["start_ns"] < until_ns].reset_index(drop=True),
        complete=False,
    )
    run = JudgedRun.of(RunData.of(demo.plan, cut), metrics=demo.metrics, verdict=demo.verdict)
    last_ns = run.cut_short_ns
    assert last_ns is not None
    assert last_ns == cut.attempts["start_ns"].max()
    assert TIMELINE.alt(run).endswith("; the run was cut short after 5.9 s.")
    assert "the run was cut short here" in inline_svg(TIMELINE.figure(run)).svg
    edges = bin_edges_s(run.plan, 63.0, 68, cut_short_s=last_ns / 1e9).tolist()
    assert {last_ns / 1e9, 8.0, 48.0} <= set(edges)
    assert demo.cut_short_ns is None
    assert "cut short" not in inline_svg(TIMELINE.figure(demo)).svg


def test_an_even_run_is_not_blown_up(tmp_path: Path) -> None:
    """Latencies have a decade, and attempts per request twice what was planned, though nothing varies."""
    plan = plan_in(tmp_path, faults="")
    panels = {
        axes.get_title(loc="left"): axes for axes in TIMELINE.figure(JudgedRun.of(RunData.of(plan, history(plan)))).axes
    }
    low, high = panels["How long did callers wait?"].get_ylim()
    assert high / low >= 10
    assert panels["What did providers get? (attempts per request)"].get_ylim()[1] >= 2
    assert panels["Did it work?"].get_ylim()[0] <= 0


def test_an_attempt_in_a_splinter_is_no_storm(tmp_path: Path) -> None:
    """Beside an edge a bin may be shorter than the time between two requests; its bar counts a request at least."""
    faults = "  - {on: openai, at: 8150ms, for: 150ms, inject: {status: 503}}"
    plan = plan_in(tmp_path, rate=1, faults=faults)
    run = JudgedRun.of(RunData.of(plan, history(plan)))
    panel = next(
        axes for axes in TIMELINE.figure(run).axes if axes.get_title(loc="left").startswith("What did providers")
    )
    tops = [float(patch.get_data().values.max()) for patch in panel.patches if isinstance(patch, StepPatch)]
    assert max(tops) <= 6


def test_many_faults_leave_the_data_to_be_seen(tmp_path: Path) -> None:
    """However many overlap, the shade has three steps, and of many borders only the outer ones are drawn."""
    names = tuple(f"provider-{place}" for place in range(12))
    lines = [
        f"  - {{on: {name}, at: {8 + place}s, for: 20s, inject: {{status: 503}}}}" for place, name in enumerate(names)
    ]
    plan = plan_in(tmp_path, providers=names, faults="\n".join(lines))
    axes = Figure().subplots()
    style.shade_faults(axes, plan)
    assert max(patch.get_alpha() or 0 for patch in axes.patches) == pytest.approx(0.24)
    assert [line.get_xdata()[0] for line in axes.lines] == [8, 39]  # type: ignore[index] - a list here
