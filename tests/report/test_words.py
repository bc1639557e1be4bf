"""Answers and names as people read them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.judge import Status, Value
from harness.report import words


def test_with_interval() -> None:
    """A metric comes with its certainty and its count."""
    value = Value(value=0.986, ci=(0.972, 0.993), samples=402, unit="share")
    assert words.with_interval(value) == "98.6 % (97.2 % – 99.3 %, n = 402)"
    assert words.with_interval(None) == "–"


def test_status_is_more_than_a_colour() -> None:
    """Every answer has a glyph and a word of its own."""
    told = {words.status(status) for status in Status}
    assert told == {"✓ PASS", "✗ FAIL", "? INCONCLUSIVE"}


@given(st.text(min_size=1, max_size=200), st.integers(min_value=4, max_value=60))
def test_shortened_fits(name: str, most: int) -> None:
    """A shortened name is never longer than asked, and a short one stays as it is."""
    short = words.shortened(name, most)
    assert len(short) <= most
    assert short == name or len(name) > most
