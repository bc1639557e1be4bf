"""The timeline's lanes: what made requests fall back, and circuit breakers."""

from __future__ import annotations

import re

import pandas as pd
from matplotlib.axes import Axes

from harness.history.frames import frame
from harness.history.records import ProviderState
from harness.judge import RunData
from harness.quantities import S
from harness.report import JudgedRun
from harness.report.pictures.served_panel import Lanes
from harness.report.pictures.timeline import TIMELINE
from harness.report.svg import inline_svg
from tests.histories import framed

CHANGES = [("openai", 10, "open"), ("openai", 15, "half-open"), ("openai", 16, "closed"), ("azure", 60, "open")]


def with_breakers(run: JudgedRun) -> JudgedRun:
    """Return a run whose chain reported its circuit breakers."""
    states = [ProviderState(provider=name, at_ns=at_s * S, state=state, why="") for name, at_s, state in CHANGES]  # type: ignore[arg-type] - as written above
    changed = framed(run.history, states=frame(ProviderState, states))
    return JudgedRun.of(RunData.of(run.plan, changed), metrics=run.metrics, verdict=run.verdict)


def lanes_of(run: JudgedRun) -> Axes:
    """Return the axes of the lanes."""
    return next(
        axes for axes in TIMELINE.figure(run).axes if axes.get_title(loc="left") == "What made requests fall back?"
    )


def test_every_fallback_is_in_a_lane(demo: JudgedRun) -> None:
    """At the time at which its next provider was called."""
    lanes = Lanes.of(demo)
    assert lanes.names == ["rate_limit 429"]
    assert len(lanes.steps) == len(demo.fallbacks)
    starts = demo.attempts.set_index("attempt_id")["start_ns"]
    assert (lanes.steps["at_ns"].to_numpy() == starts.loc[demo.fallbacks["to_attempt"]].to_numpy()).all()
    assert f"<title>rate_limit 429: {len(demo.fallbacks)} fallbacks</title>" in inline_svg(TIMELINE.figure(demo)).svg


def test_breakers_are_open_until_they_are_not(demo: JudgedRun) -> None:
    """A lane for each provider whose breaker changed; one that never closed is open until the end."""
    run = with_breakers(demo)
    assert Lanes.of(run).names == ["rate_limit 429", "breaker openai", "breaker azure"]
    bars = [
        (path.get_extents().x0, path.get_extents().x1, round(path.get_extents().y0 + 0.3))
        for collection in lanes_of(run).collections
        for path in collection.get_paths()
    ]
    assert sorted(bars) == [(10, 15, 1), (15, 16, 1), (60, 63, 2)]
    titles = re.findall(r"<title>(breaker[^<]*)</title>", inline_svg(TIMELINE.figure(run)).svg)
    assert titles == [
        "breaker of openai: 1 time open, 5 s in all",
        "breaker of openai: 1 time half-open, 1 s in all",
        "breaker of azure: 1 time open, 3 s in all",
    ]


def test_no_lane_has_a_sentence(demo: JudgedRun) -> None:
    """A run in which nothing fell back says so."""
    calm = framed(
        demo.history, attempts=demo.attempts[demo.attempts["outcome"] == "ok"].iloc[:0].reset_index(drop=True)
    )
    run = JudgedRun.of(RunData.of(demo.plan, calm), metrics=demo.metrics, verdict=demo.verdict)
    assert Lanes.of(run).names == []
    assert [text.get_text() for text in lanes_of(run).texts] == ["no request fell back"]
    assert isinstance(Lanes.of(run).steps, pd.DataFrame)
