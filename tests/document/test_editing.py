"""Values of a YAML file are changed, and nothing else of its text."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.document import parse
from harness.document.editing import edited
from harness.document.nodes import scalars
from harness.document.writing import Style, block, flow, scalar
from harness.errors import UsageError

HERE = Path("config.yaml")


def read(raw: bytes) -> Any:
    """Return what a file holds, read as YAML 1.1."""
    return parse(raw, HERE, older=True).data


def change(text: str, **changes: Any) -> str:
    """Return a file with other values at its top level; those that are mappings are merged."""
    raw = text.encode()
    wanted = copy.deepcopy(read(raw)) or {}
    for key, value in changes.items():
        old = wanted.get(key)
        wanted[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return edited(raw, HERE, wanted).decode()


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ("a: 1  # one\nb: 2\n", {"a": 3}, "a: 3  # one\nb: 2\n"),
        ("a: 'x'\nb: \"y\"\n", {"a": "it's", "b": "z"}, "a: 'it''s'\nb: \"z\"\n"),
        ("a: 1\r\nb:\r\n  c: 2  # two\r\n", {"b": {"d": "on"}}, 'a: 1\r\nb:\r\n  c: 2  # two\r\n  d: "on"\r\n'),
        ("\ufeffa: 1\n", {"a": 2}, "\ufeffa: 2\n"),
        ("a: 1", {"b": [1, "x"]}, "a: 1\nb: [1, x]"),
        ("a: {b: 1, c: [2]}  # x\n", {"a": {"d": {"e": 3}}}, "a: {b: 1, c: [2], d: {e: 3}}  # x\n"),
        ("a:   # nothing yet\nb: 1\n", {"a": {"c": 1}}, "a:   # nothing yet\n  c: 1\nb: 1\n"),
        ("a:   # nothing yet\nb: 1\n", {"a": 5}, "a: 5   # nothing yet\nb: 1\n"),
        ("a: {}  # none\n", {"a": {"b": [{"c": ["d"]}]}}, "a:  # none\n  b:\n    - c: [d]\n"),
        ("l:\n- a: 1\n  b: 2\n\nm: 1\n", {"l": [{"a": 1, "b": 2}, {"c": 3}]}, "l:\n- a: 1\n  b: 2\n- c: 3\n\nm: 1\n"),
        ("l:\n    -   a: 1\n", {"l": [{"a": 1, "b": {"c": 2}}]}, "l:\n    -   a: 1\n        b:\n          c: 2\n"),
        ("a:\n  - 1\n  - 2\nb: 3\n", {"a": [1]}, "a:\n  - 1\nb: 3\n"),
        ("a:\n  - 1  # one\n  - 2\nb: 3\n", {"a": [5]}, "a:\n  - 5  # one\nb: 3\n"),
        ("a: [1, 2 , 3]  # x\n", {"a": [4]}, "a: [4]  # x\n"),
        ("x: &x\n    y: 1\na:\n   b: 1\n", {"c": {"d": 1}}, "x: &x\n    y: 1\na:\n   b: 1\nc:\n   d: 1\n"),
        ("a:  # x\n# y\n  - 1\nb: 3\n", {"a": "off"}, 'a: "off"  # x\n# y\nb: 3\n'),
        ("a:  # x\n- 1\nb: 3\n", {"a": {"c": 1}}, "a:  # x\n  c: 1\nb: 3\n"),
        ("a:\r\n- 1\r\nb: 3\r\n", {"a": None}, "a: null\r\nb: 3\r\n"),
        ("# c\n\na: 1\n\nb: 2\n# end\n", {"c": {"d": 1}}, "# c\n\na: 1\n\nb: 2\n\nc:\n  d: 1\n# end\n"),
        ("# only this\n", {"a": 1}, "# only this\n\na: 1\n"),
        ("", {"a": 1}, "a: 1\n"),
        ("---\na: 1\n...\n", {"b": 2}, "---\na: 1\nb: 2\n...\n"),
        ('{"a": {"b": "c"}, "d": [1,\n 2]}\n', {"d": [1, 2, 3]}, '{"a": {"b": "c"}, "d": [1,\n 2, 3]}\n'),
        ("a: |\n  text\nb: 1\n", {"c": 1}, "a: |\n  text\nb: 1\nc: 1\n"),
        ("b: 1\na: |\n  text\n\n# end\n", {"c": 1}, "b: 1\na: |\n  text\nc: 1\n\n# end\n"),
        ("x: &x {a: 1}\nb: *x\n", {"c": 1}, "x: &x {a: 1}\nb: *x\nc: 1\n"),
        ("x: &x 1\nb:\n- 2\n- *x\n", {"c": 1}, "x: &x 1\nb:\n- 2\n- *x\nc: 1\n"),
        ("d: &d {a: 1}\nb:\n  c: 1\n  <<: *d\n", {"e": 1}, "d: &d {a: 1}\nb:\n  c: 1\n  <<: *d\ne: 1\n"),
        ("a: 1\na: 2\nb: 3\n", {"b": 4}, "a: 1\na: 2\nb: 4\n"),
        ("a: !!str 5  # five\n", {"a": 6}, "a: 6  # five\n"),
    ],
)
def test_only_what_is_named_changes(before: str, changes: dict[str, Any], after: str) -> None:
    """Comments, order, quotation marks, line ends and indentation survive."""
    assert change(before, **changes) == after


@pytest.mark.parametrize(
    ("text", "changes", "reason"),
    [
        (
            "x: &x {a: 1}\n",
            {"x": {"b": 1}},
            r"config\.yaml:1: x: an anchor or alias is in what must change: not changed",
        ),
        ("x: &x {a: 1}\nb: *x\n", {"b": {"c": 1}}, r"config\.yaml:2: b: an anchor or alias is in what must change"),
        ("d: &d {a: 1}\nb:\n  <<: *d\n", {"b": {"c": 1}}, r"config\.yaml:3: b: a merge key is in what must change"),
        ("a: 1\na: 2\n", {"a": 3}, r"config\.yaml:1: a: 'a' is written twice"),
        ("a:\n  - 1\n  # of two\n  - 2\n", {"a": [1]}, r"config\.yaml:4: a: a comment is in what must change"),
        ("a: 1\n--- \nb: 1\n", {"a": 2}, "not valid YAML: .*single document"),
        ("a:\n\tb: 1\n", {"a": 2}, "not valid YAML|a tab is used to indent"),
        ("a: [1, 2\nb: 3\n", {}, "not valid YAML"),
        ("- 1\n", {}, "expected a mapping"),
    ],
)
def test_what_is_doubtful_is_refused(text: str, changes: dict[str, Any], reason: str) -> None:
    """With the line and the reason, and nothing is returned."""
    with pytest.raises(UsageError, match=reason):
        edited(text.encode(), HERE, {"z": 1} if not changes else _wanted(text, changes))


def _wanted(text: str, changes: dict[str, Any]) -> dict[str, Any]:
    try:
        old = read(text.encode())
    except UsageError:
        return changes
    return {**old, **{key: {**old[key], **new} if isinstance(new, dict) else new for key, new in changes.items()}}


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["yes", "1:30", "0x1", "null", "~", "a: b", "- c", "#", "é", "*x", "", "1e3"]
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6).filter(bool) | TEXTS
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
MAPPINGS = st.dictionaries(st.sampled_from(["a", "b", "on", "model", "x y"]), DATA, min_size=1, max_size=4)


@given(MAPPINGS, st.sampled_from([Style(), Style(dash=0), Style(step=4, dash=4)]))
def test_what_is_written_is_read_alike_by_both(data: dict[str, Any], style: Style) -> None:
    """Any data, as a block and on one line, comes back from PyYAML and from our own reader."""
    for text in ("\n".join(block(data, style)), flow(data)):
        assert yaml.safe_load(text) == data
        assert read(text.encode()) == data


@given(MAPPINGS, MAPPINGS, st.sampled_from([Style(), Style(dash=0), Style(step=4, dash=4)]), st.booleans())
def test_any_values_can_be_added_or_replaced(
    old: dict[str, Any], new: dict[str, Any], style: Style, in_brackets: bool
) -> None:
    """The result is read as exactly what is wanted, and a comment in each untouched line stays."""
    lines = [flow(old)] if in_brackets else block(old, style)
    text = "# head\n" + "\n".join(lines) + "\n# foot\n"
    result = edited(text.encode(), HERE, {**old, **new})
    assert yaml.safe_load(result) == {**old, **new}
    assert result.startswith(b"# head\n")
    assert re.search(rb"^# foot$", result, re.MULTILINE)


def test_every_value_has_its_place_in_the_text() -> None:
    """An alias is none of its own: its text is that of the anchor."""
    text = "a: &x 'one'\nb: [*x, two]\nc: {d: 3}\n"
    found = {each.place: text[each.start : each.end] for each in scalars(text.encode(), HERE)}
    assert found == {("a",): "&x 'one'", ("b", 1): "two", ("c", "d"): "3"}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("gpt-4o", "gpt-4o"),
        ("os.environ/KEY", "os.environ/KEY"),
        ("med:27b", "med:27b"),
        ("yes", '"yes"'),
        ("", '""'),
        ("1:30", '"1:30"'),
        (30.0, "30"),
        (0.5, "0.5"),
        (1e-07, "0.0000001"),
        (True, "true"),
        (None, "null"),
    ],
)
def test_values_are_written_as_people_do(value: Any, written: str) -> None:
    """Without quotation marks where YAML needs none."""
    assert scalar(value) == written
