"""The reference page of the faults names what the code knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from harness.provider.decide import Side
from harness.provider.faults import CHANGES, INSTEAD, SPOILS
from harness.provider.inject import AFTER_TOKENS, PAUSE_NS, STREAMS_ONLY, WHOLE_PROVIDER, Connection, Inject, Stream
from harness.scenario.schema import Fault

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "faults.md").read_text()
ROWS = {match[1]: match[0] for match in re.finditer(r"^\| `([^`]+)` \|.*$", PAGE, re.MULTILINE)}


@pytest.mark.parametrize("kind", get_args(Connection))
def test_each_connection_fault_is_documented(kind: str) -> None:
    """With where it is decided."""
    where = "Toxiproxy, whole provider" if kind in WHOLE_PROVIDER else "at the edge, per attempt"
    assert where in ROWS[f"connection: {kind}"]


@pytest.mark.parametrize("kind", get_args(Stream))
def test_each_stream_fault_is_documented(kind: str) -> None:
    """With whether it does anything to a plain answer."""
    assert ROWS[f"stream: {kind}"].endswith("| nothing |") == (kind in STREAMS_ONLY)


def test_every_other_kind_is_documented() -> None:
    """Whatever is no connection and no stream fault has a row of its own; and no row is of a fault that is not."""
    for key in ("status", "body", "limit", "delay", "ttft", "tokens_per_second"):
        assert any(row.startswith(f"{key}: ") for row in ROWS), key
    kinds = {*INSTEAD, *CHANGES, *WHOLE_PROVIDER} - {"status", "limit", "delay", "pace"}
    named = {f"stream: {kind[7:]}" if kind.startswith("stream_") else f"connection: {kind}" for kind in kinds}
    assert named == {row for row in ROWS if row.startswith(("connection", "stream:"))}


def test_every_key_is_documented() -> None:
    """Each field of `inject`, and each way to choose attempts."""
    for name in Inject.__slots__:
        assert f"`{name}" in PAGE, name
    for name in set(Fault.__slots__) - {"on", "during", "at", "for_", "inject"}:
        assert f"| `{name}:" in PAGE, name


def test_defaults_are_those_of_the_code() -> None:
    """Numbers in the text are the numbers that are applied."""
    assert f"`after_tokens` is {AFTER_TOKENS} and `pause` is {PAUSE_NS // 10**9} s unless given" in PAGE


def test_what_overlaps_is_documented() -> None:
    """One line for each side, and how a spoilt answer is recorded."""
    order = PAGE.partition("## Where faults overlap")[2]
    assert len(re.findall(r"^\d\. ", order, re.MULTILINE)) == len(get_args(Side))
    for kind, outcome in SPOILS.items():
        assert f"`{kind.removeprefix('stream_')}`" in PAGE
        assert f"`{outcome}`" in PAGE
