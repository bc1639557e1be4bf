"""What counts as a success, and what an answer looks like on the wire."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.http_rules import FRAMING, HOP_BY_HOP, has_body, is_success
from harness.judge.tables.columns import are_success
from harness.provider.answer import outcome
from harness.provider.reply import End

STATUSES = [None, 100, 199, 200, 204, 299, 300, 302, 304, 399, 400, 503]


@pytest.mark.parametrize("status", STATUSES)
def test_only_2xx_is_a_success(status: int | None) -> None:
    """The same for one status, for a column of them, and for how an exchange ended."""
    expected = status is not None and str(status).startswith("2")
    assert is_success(status) is expected
    assert are_success(np.array([math.nan if status is None else status], dtype=np.float64)).tolist() == [expected]
    assert outcome(status, End()) == ("ok" if expected else "status")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(100, False), (103, False), (204, False), (304, False), (205, True), (200, True), (404, True)],
)
def test_some_answers_have_no_body(status: int, expected: bool) -> None:
    """Interim answers, 204 and 304."""
    assert has_body(status) is expected


def test_the_length_frames_an_answer_and_is_passed_on() -> None:
    """Unlike the headers of a connection, it belongs to the message."""
    assert {"content-length"} == FRAMING - HOP_BY_HOP
