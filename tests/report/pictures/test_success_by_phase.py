"""The picture of each phase's success rate."""

from __future__ import annotations

from harness.report import JudgedRun
from harness.report.pictures.success_by_phase import SUCCESS_BY_PHASE


def test_it_gives_each_phase_with_its_answer(demo: JudgedRun) -> None:
    """In words as in the picture: the share, its interval, the requests, and what an expectation made of it."""
    assert SUCCESS_BY_PHASE.alt(demo) == (
        "Requests with a complete answer: baseline 100 % (95.9 % – 100 %, n = 90); "
        "fault 100 % (99.1 % – 100 %, n = 423) PASS; recovery 100 % (97.3 % – 100 %, n = 140)."
    )
