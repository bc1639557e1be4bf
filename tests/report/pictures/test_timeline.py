"""The timeline."""

from __future__ import annotations

from harness.report import JudgedRun
from harness.report.pictures.timeline import TIMELINE


def test_warm_up_is_left_out(demo: JudgedRun) -> None:
    """Calls before the origin are in the history, and in no picture."""
    assert (demo.history.requests["phase"] == "warmup").sum() == 3
    assert len(demo.history.attempts) - len(demo.attempts) == 3
    assert TIMELINE.alt(demo).startswith(
        "Timeline of 653 requests over 63 s: injected openai 429 rate_limit Retry-After 2 s from 8 s to 48 s; "
        "653 of 653 requests got a complete answer"
    )
