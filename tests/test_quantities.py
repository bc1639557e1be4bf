"""Numbers as people read them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.quantities import amount, count, duration, exact, interval, listed, plural, share

UNITS = ("share", "ns", "ratio", "count", "per_s", "usd", "bytes")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (750, "0.75 µs"),
        (2_500_000, "2.5 ms"),
        (999_400_000, "999 ms"),
        (999_600_000, "1 s"),
        (2_432_000_000, "2.43 s"),
        (8_024_000_000, "8.02 s"),
        (63_000_000_000, "63 s"),
        (120_000_000_000, "2 min"),
        (125_000_000_000, "2 min 5 s"),
        (3_599_600_000_000, "60 min"),
        (12_000_000_000_000, "3 h 20 min"),
        (-2_000_000_000, "-2 s"),
        (math.inf, "∞"),
    ],
)
def test_a_time_has_the_unit_that_suits_it(ns: float, text: str) -> None:
    """Three digits, and no zeros at the end."""
    assert duration(ns) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.98, "98 %"),
        (0.979, "97.9 %"),
        (0.29, "29 %"),
        (0.99996, "99.996 %"),
        (0.9999999, "99.99999 %"),
        (1e-7, "0.00001 %"),
    ],
)
def test_a_share_is_whole_only_if_it_is(part: float, text: str) -> None:
    """One failure in a million is not 100 %."""
    assert share(part) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ns", "–"),
        (math.nan, "share", "–"),
        (-math.inf, "ns", "-∞"),
        (2.816, "ratio", "2.82×"),
        (4.0, "ratio", "4×"),
        (9.836, "per_s", "9.84/s"),
        (0.01234, "usd", "$0.0123"),
        (1234.5, "usd", "$1,234"),
        (12345.0, "count", "12,345"),
        (2.5, "count", "2.5"),
        (389_123_456, "bytes", "389 MB"),
        (512e6, "bytes", "512 MB"),
        (999, "bytes", "999 B"),
        (0, "bytes", "0 B"),
    ],
)
def test_each_unit_is_written_its_own_way(value: float | None, unit: str, text: str) -> None:
    """And no value is a dash."""
    assert amount(value, unit) == text


@pytest.mark.parametrize(
    ("value", "limit", "unit", "text"),
    [
        (10.004e9, 10e9, "ns", "10.004 s"),
        (10.04e9, 10e9, "ns", "10.04 s"),
        (9.9996e9, 10e9, "ns", "9.9996 s"),
        (10e9, 10e9, "ns", "10 s"),
        (12.345e9, 10e9, "ns", "12.3 s"),
        (125.004e9, 125e9, "ns", "125.004 s"),
        (1.0149e9, 1.012e9, "ns", "1.015 s"),
        (0.97996, 0.98, "share", "97.996 %"),
        (0.999601, 0.9996, "share", "99.9601 %"),
        (4.0004, 4, "ratio", "4.0004×"),
        (math.inf, 10e9, "ns", "∞"),
    ],
)
def test_a_value_beyond_its_limit_shows_that_it_is(value: float, limit: float, unit: str, text: str) -> None:
    """As many digits as it takes, and no more."""
    assert amount(value, unit, limit=limit) == text


@given(
    value=st.floats(1e-6, 1e15),
    ratio=st.floats(0.5, 2).filter(lambda r: abs(r - 1) > 1e-10),
    unit=st.sampled_from(UNITS),
)
def test_what_is_shown_is_on_its_own_side_of_the_limit(value: float, ratio: float, unit: str) -> None:
    """Read back, the text is more than the limit if the value is, and less if it is less."""
    value = min(value, 1.0) if unit == "share" else value
    limit = value * ratio
    shown = _read(amount(value, unit, limit=limit))
    assert (shown > limit, shown < limit) == (value > limit, value < limit)


@given(value=st.floats(1e-6, 1e15), unit=st.sampled_from(UNITS))
def test_what_is_shown_is_near_the_value(value: float, unit: str) -> None:
    """Three digits are within half a percent, minutes and hours within half of the smaller unit."""
    value = min(value, 1.0) if unit == "share" else value
    assert _read(amount(value, unit)) == pytest.approx(value, rel=0.0051, abs=1e-3 if unit == "ns" else 0.0)


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True).filter(lambda part: part > 1e-12))
def test_a_share_never_rounds_to_an_end(part: float) -> None:
    """No share but 0 and 1 themselves is written as 0 % or 100 %."""
    assert share(part) not in {"0 %", "100 %"} or 1 - part < 1e-14


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.9995, "share", "99.95 %"), (2.345e9, "ns", "2.345 s"), (90e9, "ns", "90 s"), (250e6, "ns", "250 ms")],
)
def test_what_somebody_chose_is_written_out(value: float, unit: str, text: str) -> None:
    """A limit of 99.95 % is not 100 %."""
    assert exact(value, unit) == text


def test_an_interval_shows_what_is_not_known() -> None:
    """An open end is a question mark, never a number; no width is no interval."""
    assert interval((1e9, math.inf), "ns") == "1 s – ?"
    assert interval((None, 0.5), "share") == "? – 50 %"
    assert interval((-math.inf, math.inf), "ns") == "too few to tell"
    assert interval((0.97, 0.97996), "share", limit=0.98) == "97 % – 97.996 %"
    assert interval((4.0, 4.0), "ratio") == ""
    assert interval(None, "ns") == ""


def test_things_are_counted_in_words() -> None:
    """None, one, and many."""
    assert [plural(0, "caller"), plural(1, "caller"), plural(2000, "caller")] == [
        "no caller",
        "1 caller",
        "2,000 callers",
    ]
    assert plural(2, "try", "tries") == "2 tries"
    assert count(1234567) == "1,234,567"


def test_a_list_reads_as_a_sentence() -> None:
    """A long one gives its length in place of the rest."""
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c"], most=2) == "a, b, … (3 in all)"


def _read(text: str) -> float:
    """Return the number that a text gives, in the unit's own measure."""
    scale = {
        "h": 3600e9,
        "min": 60e9,
        "s": 1e9,
        "ms": 1e6,
        "µs": 1e3,
        "%": 0.01,
        "B": 1.0,
        "kB": 1e3,
        "MB": 1e6,
        "GB": 1e9,
    }
    parts = re.findall(r"([\d.,]+) (h|min|s|ms|µs|%|[kMG]?B)(?![a-z])", text)
    if parts:
        return sum(float(number.replace(",", "")) * scale[unit] for number, unit in parts)
    return float(re.sub(r"[^\d.]", "", text))
