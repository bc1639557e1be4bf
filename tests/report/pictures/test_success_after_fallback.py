"""The picture of what reached a fallback."""

from __future__ import annotations

from pathlib import Path

from harness.judge import RunData
from harness.report import JudgedRun
from harness.report.pictures.success_after_fallback import SUCCESS_AFTER_FALLBACK
from tests.histories import history, plan_in


def test_it_gives_the_phases_that_reached_a_fallback(demo: JudgedRun) -> None:
    """And no others: a phase without such a request has no share."""
    assert SUCCESS_AFTER_FALLBACK.alt(demo) == (
        "Requests that reached a fallback and got a complete answer: baseline 100 % (20.7 % – 100 %, n = 1); "
        "fault 100 % (99 % – 100 %, n = 368). "
        "Served: baseline openai 98.9 % and azure 1.11 %; fault openai 13 % and azure 87 %; recovery openai 100 %."
    )


def test_where_no_fallback_was_reached_it_says_so(tmp_path: Path) -> None:
    """A share of nothing is no share."""
    plan = plan_in(tmp_path, faults="")
    assert (
        SUCCESS_AFTER_FALLBACK.nothing(JudgedRun.of(RunData.of(plan, history(plan))))
        == "No request reached a fallback in this run."
    )
