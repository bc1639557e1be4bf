"""YAML with its places, and the words people write."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from harness import document
from harness.errors import UsageError

PATH = Path("some.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("20s", 20 * 10**9), ("500ms", 500 * 10**6), ("0.5s", 500 * 10**6), ("2m", 120 * 10**9), ("1h", 3600 * 10**9)],
)
def test_durations(text: str, expected: int) -> None:
    """A duration is a number with its unit, in nanoseconds."""
    assert document.duration_ns(text) == expected


@given(st.integers(0, 7 * 24 * 3600 * 10**9))
def test_a_duration_survives_its_text(ns: int) -> None:
    """What is written is read back, to the nanosecond where the text can hold it."""
    assert abs(document.duration_ns(document.duration_text(ns)) - ns) <= max(1, ns * 1e-15)


@pytest.mark.parametrize("value", [20, 1.5, "20", "s", "-1s", "1 year", None, [], True, "99999999h", "1e3s"])
def test_what_is_no_duration(value: object) -> None:
    """A bare number has no unit, and a guess at one could be off by a thousand."""
    with pytest.raises(PydanticCustomError, match="duration"):
        document.duration_ns(value)


@pytest.mark.parametrize(("text", "expected"), [("10/s", 10), ("60/min", 1), ("0.5/s", 0.5)])
def test_rates(text: str, expected: float) -> None:
    """A rate is a number of events per unit of time."""
    assert document.rate_per_s(text) == expected


@pytest.mark.parametrize("value", [10, "10", "0/s", "-1/s", "9999999/s", "nan/s"])
def test_what_is_no_rate(value: object) -> None:
    """A rate needs its unit and a sane size."""
    with pytest.raises(PydanticCustomError, match="rate"):
        document.rate_per_s(value)


@pytest.mark.parametrize("value", [0.3, "0.3", "101%", "-1%", "%", None])
def test_what_is_no_share(value: object) -> None:
    """A share ends in %, or 0.3 might mean 0.3 %."""
    with pytest.raises(PydanticCustomError, match="share"):
        document.share(value)


def test_every_value_knows_its_line() -> None:
    """Places are those of YAML 1.2, where `on` is a word."""
    parsed = document.parse(b"on: x\n\nfaults:\n  - a: 1\n    b: [2,\n  3]\n", PATH)
    assert parsed.data == {"on": "x", "faults": [{"a": 1, "b": [2, 3]}]}
    assert [parsed.lines[place] for place in [("on",), ("faults", 0, "b"), ("faults", 0, "b", 1)]] == [1, 5, 6]
    assert parsed.where(("faults", 0, "c")) == "some.yaml:4: faults[0].c"


@pytest.mark.parametrize(
    ("raw", "line", "problem"),
    [
        (b"a: 1\na: 2\n", 2, "second time"),
        (b"a: [1\nb: 2\n", 2, "not valid YAML"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        (b"a: *nowhere\n", 1, "not valid YAML"),
        (b"? [1]\n: 2\n", 1, "a key must be a word"),
        (b"a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        (b"\t- a\n", 1, "not valid YAML"),
        (b"[" * 3000, 1, "not valid YAML"),
        (b"a: \x00\n", 1, "not valid YAML"),
    ],
)
def test_broken_yaml_is_an_error_with_its_line(raw: bytes, line: int, problem: str) -> None:
    """The user's mistake is never a traceback."""
    with pytest.raises(UsageError, match=problem) as caught:
        document.parse(raw, PATH)
    assert str(caught.value.where).startswith(f"some.yaml:{line}")


def test_a_billion_laughs_are_refused() -> None:
    """Aliases that multiply are cut off, not expanded."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(UsageError, match="more than"):
        document.parse("\n".join(lines).encode(), PATH)


def test_an_alias_that_holds_itself_is_refused() -> None:
    """A value inside itself has no end."""
    with pytest.raises(UsageError, match="nested too deeply"):
        document.parse(b"a: &a [*a]\n", PATH)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and a folder are told by name."""
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(UsageError, match="cannot read"):
            document.read(path)


@given(st.binary(max_size=200))
def test_any_bytes_give_data_or_an_error(raw: bytes) -> None:
    """Whatever stands in a file, the reader answers."""
    try:
        parsed = document.parse(raw, PATH)
    except UsageError as error:
        assert str(error.where).startswith("some.yaml")
    else:
        assert parsed.lines.get((), 1) >= 1
