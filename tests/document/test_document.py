"""YAML with its places, and the words people write."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, Field
from pydantic_core import PydanticCustomError

from harness import document
from harness.errors import SeveralErrors, UsageError

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
        (b"a: 1\na: 2\n", 2, "duplicate key 'a'"),
        (b"a: [1\nb: 2\n", 2, "not valid YAML"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        (b"a: *nowhere\n", 1, "not valid YAML"),
        (b"? [1]\n: 2\n", 1, "a key must be a word"),
        (
            b"a: 1\n---\nb: 2\n",
            2,
            "not valid YAML: expected a single document in the stream, but found another document",
        ),
        (b"\t- a\n", 1, "not valid YAML"),
        (b"[" * 3000, 1, "not valid YAML"),
        (b"a: \x00\n", 1, "not valid YAML"),
        (b'a: 1\nb: "\\ud800"\n', 2, "cannot be encoded"),
        (b'"\\udfff": 1\n', 1, "cannot be encoded"),
        (b'a: [x, {b: ["\\ud800b"]}]\n', 1, "cannot be encoded"),
        (b"a: " + b"9" * 400, 1, "number too large"),
        (b"a: -" + b"9" * 5000, 1, "not a number"),
        (b"a: 1e400\n", 1, "not a finite number"),
        (b"a: .inf\n", 1, "not a finite number"),
        (b"a: .nan\n", 1, "not a finite number"),
        (b"a: 9223372036854775808\n", 1, "number too large"),
    ],
)
def test_broken_yaml_is_an_error_with_its_line(raw: bytes, line: int, problem: str) -> None:
    """The user's mistake is never a traceback."""
    with pytest.raises(UsageError, match=problem) as caught:
        document.parse(raw, PATH)
    assert str(caught.value.where).startswith(f"some.yaml:{line}")


@pytest.mark.parametrize(
    ("raw", "hint"),
    [
        (b"a:\n\t- b\n", "indent with spaces"),
        (b"a:\n  - b: 1\n   c: 2\n", "look at the indentation: the keys"),
        (b"a: b: c\n", "quote a text that holds a colon"),
        (b"a: [1\nb: 2\n", "a bracket that is not closed"),
        (b'a: "b\n', "a quote that is not closed"),
        (b"a: 1\nb\nc: 2\n", "a missing colon"),
        (b"a: *b\n", "write the anchor"),
        (b"a: 1\n---\nb: 2\n", "one document in a file"),
    ],
)
def test_broken_yaml_has_a_hint(raw: bytes, hint: str) -> None:
    """The library's own words say what its parser expected, not what to look for."""
    with pytest.raises(UsageError) as caught:
        document.parse(raw, PATH)
    assert hint in (caught.value.hint or "")


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


def socket_at(path: Path) -> None:
    """Make a Unix socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _path: None, "there is no such file"),
        (Path.mkdir, "is a folder, not a file"),
        (os.mkfifo, "not a regular file"),
        (socket_at, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (lambda path: path.symlink_to(path), "cannot read the file"),
        (lambda path: path.write_bytes(b"#" * 1_000_001), "larger than 1 MB"),
        (lambda path: (path.touch(), os.truncate(path, 10**12)), "larger than 1 MB"),
    ],
)
def test_what_is_no_file_of_sane_size_is_refused(
    make: Callable[[Path], object], problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At once: a pipe or a device would keep us waiting, and a huge file would fill the memory."""
    monkeypatch.chdir(tmp_path)  # the path of a socket has little room
    path = Path("file.yaml")
    make(path)
    with pytest.raises(UsageError, match=problem) as caught:
        document.read(path)
    assert caught.value.where == "file.yaml"


@pytest.mark.parametrize("digits", ["9" * 400, "9" * 5000, "0." + "0" * 400 + "1"])
def test_any_number_of_digits_is_an_answer_or_an_error(digits: str) -> None:
    """More digits than a machine's number holds are no crash."""
    for text, read in (
        (f"{digits}s", document.duration_ns),
        (f"{digits}/s", document.rate_per_s),
        (f"{digits}%", document.share),
    ):
        try:
            value = read(text)
        except PydanticCustomError as error:
            assert "expected" in error.message()
        else:
            assert math.isfinite(value)


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A part of `Outer`."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    speed: Annotated[int, Ge(1)]
    colour: Literal["red", "green"] = "red"
    for_: Annotated[int | None, Field(alias="for")] = None


@dataclass(frozen=True, kw_only=True)
class Outer:
    """What a file may hold."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    parts: tuple[Inner, ...] = ()
    more: dict[str, Inner] = dataclass_field(default_factory=dict)
    made: int = 0


def mistakes(text: str) -> list[str]:
    """Return every error of a file, in order, each in one line."""
    with pytest.raises(UsageError) as caught:
        document.validate(document.parse(text.encode(), PATH), Outer, derived=frozenset({"made"}))
    errors = caught.value.errors if isinstance(caught.value, SeveralErrors) else (caught.value,)
    return [str(error).replace("\n ", ";") for error in errors]


def test_all_mistakes_are_reported_at_once() -> None:
    """Unknown keys first, then what is wrong, then what is missing; each with its line and what is known there."""
    assert mistakes("nam: x\nparts:\n- {speed: 0, colour: gren}\n- {sped: 1, speed: fast}\nmore: {a: []}\n") == [
        "some.yaml:1: nam: unknown key 'nam'; known: name, parts, more; hint: did you mean 'name'?",
        "some.yaml:4: parts[1].sped: unknown key 'sped'; known: speed, colour, for; hint: did you mean 'speed'?",
        "some.yaml:3: parts[0].speed: expected at least 1, found 0",
        "some.yaml:3: parts[0].colour: unknown value 'gren'; known: red, green; hint: did you mean 'green'?",
        "some.yaml:4: parts[1].speed: expected a whole number, found 'fast'",
        "some.yaml:5: more.a: expected a mapping of fields, found a list",
    ]


def test_what_is_missing_is_reported_last() -> None:
    """But not where an unknown key is probably what is missing."""
    assert mistakes("vus: 10\nparts: [{sped: 1}]\n") == [
        "some.yaml:1: vus: unknown key 'vus'; known: name, parts, more",
        "some.yaml:2: parts[0].sped: unknown key 'sped'; known: speed, colour, for; hint: did you mean 'speed'?",
        "some.yaml:1: name: missing",
    ]


def test_a_key_in_the_wrong_place_is_shown_its_own() -> None:
    """It may be one level too high."""
    (error,) = mistakes("name: x\ncolour: red\n")
    assert error.endswith("unknown key 'colour'; known: name, parts, more; hint: did you mean parts.colour?")


def test_what_nobody_may_write_is_not_known() -> None:
    """A field that the program fills in itself is refused like any unknown key."""
    assert mistakes("name: x\nmade: 1\n") == ["some.yaml:2: made: unknown key 'made'; known: name, parts, more"]


@given(st.binary(max_size=200))
def test_any_bytes_give_data_or_an_error(raw: bytes) -> None:
    """Whatever a file holds, the reader returns data or a mistake."""
    try:
        parsed = document.parse(raw, PATH)
    except UsageError as error:
        assert str(error.where).startswith("some.yaml")
    else:
        assert parsed.lines.get((), 1) >= 1


def older(text: str) -> document.Document:
    """Return a text that is read as YAML 1.1."""
    return document.parse(text.encode(), Path("old.yaml"), older=True)


@pytest.mark.parametrize(
    ("written", "value", "surprise"),
    [
        ("no", False, "no means false in YAML 1.1"),
        ("On", True, "On means true in YAML 1.1"),
        ("true", True, None),
        ("010", 8, "010 means 8 in YAML 1.1"),
        ("1:30", 90, "1:30 means 90 in YAML 1.1"),
        ("1:30.5", 90.5, "1:30.5 means 90.5 in YAML 1.1"),
        ("'no'", "no", None),
        ("2025-01-01", "2025-01-01", None),
        ("12", 12, None),
    ],
)
def test_yaml_1_1_is_read_as_it_is_meant_there(written: str, value: object, surprise: str | None) -> None:
    """What its author perhaps did not mean is named, with its place."""
    read = older(f"a:\n  b: {written}\n")
    assert read.data == {"a": {"b": value}}
    assert type(read.data["a"]["b"]) is type(value)
    assert read.surprises == (() if surprise is None else ((("a", "b"), surprise),))


def test_merge_keys_bring_mappings_along() -> None:
    """What is written beside them wins, wherever it stands; of several mappings the first does."""
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\none: {c: 3, <<: *x}\ntwo: {<<: [*x, *y], d: 4}\n"
    for read in (older(text), document.parse(text.encode(), Path("new.yaml"))):
        assert read.data["one"] == {"a": 1, "b": 1, "c": 3}
        assert read.data["two"] == {"a": 1, "b": 1, "c": 2, "d": 4}
    with pytest.raises(UsageError, match="merge key needs a mapping"):
        older("a: {<<: 5}\n")


def test_a_duplicate_key_of_yaml_1_1_is_a_surprise() -> None:
    """There the last one counts; in a file of ours it is a mistake."""
    read = older("a: 1\na: 2\n")
    assert read.data == {"a": 2}
    assert read.surprises == ((("a",), "'a' is written twice; the last one counts"),)
