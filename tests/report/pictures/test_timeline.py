"""The timeline."""

from __future__ import annotations

from harness.judge import RunData
from harness.report import JudgedRun
from harness.report.pictures.bins import bin_edges_s
from harness.report.pictures.timeline import TIMELINE
from harness.report.svg import inline_svg
from tests.histories import framed


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
