"""The picture of single requests."""

from __future__ import annotations

from harness.report import JudgedRun
from harness.report.pictures.single_requests import SINGLE_REQUESTS


def test_it_names_each_request_and_its_end(hasty: JudgedRun) -> None:
    """Which request, what it is an example of, who answered after how long, and how many attempts that took."""
    (finding,) = [finding for finding in hasty.verdict.findings if finding.id == "retry_after_ignored"]
    text = SINGLE_REQUESTS.alt(hasty)
    assert text.startswith("What single requests did. ")
    assert f"{finding.requests[0]} (retried earlier than the provider asked): azure, " in text
    assert ", 4 attempts" in text
