"""Numbers as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge import Status, Value
from harness.report import words


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (750, "0.75 µs"),
        (2_500_000, "2.5 ms"),
        (999_600_000, "1 s"),
        (8_024_000_000, "8.02 s"),
        (63_000_000_000, "63 s"),
        (125_000_000_000, "2 min 5 s"),
        (120_000_000_000, "2 min"),
        (-2_000_000_000, "-2 s"),
        (math.inf, "∞"),
    ],
)
def test_duration(ns: float, text: str) -> None:
    """A duration has three digits and a unit that suits it."""
    assert words.duration(ns) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.0, "0%"), (1.0, "100%"), (0.986, "98.6%"), (0.99996, "99.996%"), (0.9999999, ">99.999%"), (1e-9, "<0.001%")],
)
def test_share_is_whole_only_if_exact(part: float, text: str) -> None:
    """One failure in a million is not 100 %."""
    assert words.share(part) == text


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True))
def test_share_never_rounds_to_an_end(part: float) -> None:
    """No share but 0 and 1 themselves is written as 0 % or 100 %."""
    assert words.share(part) not in {"0%", "100%", "0.0%", "100.0%", "0.00%", "100.00%"}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ns", "–"),
        (math.nan, "share", "–"),
        (math.inf, "ns", "∞"),
        (2.816, "ratio", "2.82×"),
        (9.83, "per_s", "9.83/s"),
        (0.0123, "usd", "$0.0123"),
        (1234.5, "usd", "$1,234.50"),
        (12345.0, "count", "12,345"),
    ],
)
def test_amount(value: float | None, unit: str, text: str) -> None:
    """Each unit is written its own way, and no value is a dash."""
    assert words.amount(value, unit) == text


def test_interval_says_what_it_does_not_know() -> None:
    """An open end of an interval is a question mark, never a number."""
    assert words.interval((1e9, math.inf), "ns") == "1 s – ?"
    assert words.interval((None, 0.5), "share") == "? – 50.0%"
    assert words.interval((-math.inf, math.inf), "ns") == "too few to tell"
    assert words.interval(None, "ns") == ""


def test_with_interval() -> None:
    """A metric comes with its certainty and its count."""
    value = Value(value=0.986, ci=(0.972, 0.993), samples=402, unit="share")
    assert words.with_interval(value) == "98.6% (97.2% – 99.3%, n = 402)"
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


def test_listed() -> None:
    """A list reads as a sentence, and a long one says how long it is."""
    assert words.listed([]) == ""
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a", "b", "c"], most=2) == "a, b, … (3 in all)"
