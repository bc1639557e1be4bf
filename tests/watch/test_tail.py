"""Rows of a run that goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.history import HealthRecord, RequestRecord
from harness.store import Capture, Origin, Row
from harness.store.capture import Foreign
from harness.watch import tail
from harness.watch.tail import Tail

FORMAT = b'["format",{"format":2}]\n'
ORIGIN = b'["origin",{"at_ns":%d}]\n'


@pytest.fixture
def tailing(tmp_path: Path) -> Iterator[Tail]:
    """A reader of a folder."""
    with Tail(tmp_path) as reader:
        yield reader


def new(reader: Tail) -> list[Row]:
    """Return all new rows."""
    return [row for piece in reader.pieces() for row in piece]


def add(path: Path, raw: bytes) -> None:
    """Write at the end of a file."""
    with path.open("ab") as file:
        file.write(raw)


def test_each_row_comes_once_and_typed(tmp_path: Path, tailing: Tail) -> None:
    """Rows that were there before, rows that are added, and files that are added."""
    assert new(tailing) == []
    request = RequestRecord(request_id="req-000001", phase="fault", scheduled_ns=5, outcome="ok", sources=("a", "b"))
    with Capture(tmp_path, "load") as load:
        load.put(request)
    assert new(tailing) == [request]
    add(tmp_path / "load.jsonl", ORIGIN % 3)
    with Capture(tmp_path, "runner") as runner:
        runner.put(Origin(at_ns=4))
    assert new(tailing) == [Origin(at_ns=3), Origin(at_ns=4)]
    assert new(tailing) == []


@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_rows_do_not_depend_on_where_the_writes_were_cut(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    """A torn line waits for its end."""
    path = tmp_path_factory.mktemp("capture") / "edge.jsonl"
    raw = FORMAT + b"".join(ORIGIN % at for at in range(6))
    found: list[Row] = []
    with Tail(path.parent) as reader:
        places = sorted({0, *(cut % len(raw) for cut in cuts), len(raw)})
        for start, end in pairwise(places):
            add(path, raw[start:end])
            found += new(reader)
    assert found == [Origin(at_ns=at) for at in range(6)]


def test_a_line_longer_than_a_piece_is_one_row(tmp_path: Path, tailing: Tail) -> None:
    """The model's text may be long."""
    long = Foreign(at_ns=1, provider="x" * (3 * tail.PIECE_BYTES))
    with Capture(tmp_path, "edge") as edge:
        edge.put(long)
    assert new(tailing) == [long]


def test_a_piece_is_small_so_that_other_tasks_run(tmp_path: Path, tailing: Tail) -> None:
    """However much there is to read, what comes at once is at most some rows."""
    add(tmp_path / "edge.jsonl", FORMAT + b"".join(ORIGIN % at for at in range(20_000)))
    pieces = list(tailing.pieces())
    assert sum(map(len, pieces)) == 20_000
    assert max(map(len, pieces)) <= tail.PIECE_BYTES / len(ORIGIN) + 1


def test_only_wanted_rows_are_decoded(tmp_path: Path) -> None:
    """A row of another kind need not even have the right fields."""
    raw = FORMAT + b'["foreign",{"nothing":1}]\n' + ORIGIN % 7
    (tmp_path / "edge.jsonl").write_bytes(raw)
    with Tail(tmp_path, kinds=(Origin, HealthRecord)) as reader:
        assert new(reader) == [Origin(at_ns=7)]


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (FORMAT + b"oops\n", "line 2 is not a row"),
        (FORMAT + b'["unknown",{}]\n', "line 2 is not a row"),
        (b'["format",{"format":99}]\n', "format 99 in its first line"),
        (ORIGIN % 1, "no format in its first line"),
    ],
)
def test_what_is_no_row_is_an_error_that_names_the_file(
    tmp_path: Path, tailing: Tail, raw: bytes, problem: str
) -> None:
    """Also where a complete line cannot be read."""
    (tmp_path / "edge.jsonl").write_bytes(raw)
    with pytest.raises(UsageError, match=problem) as caught:
        new(tailing)
    assert caught.value.where == str(tmp_path / "edge.jsonl")


def test_nothing_is_left_open(tmp_path: Path) -> None:
    """A suite reads the files of many runs."""
    (tmp_path / "edge.jsonl").write_bytes(FORMAT)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - links that vanish
    with Tail(tmp_path) as reader:
        new(reader)
        assert len(os.listdir("/proc/self/fd")) == before + 1  # noqa: PTH208
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_following_goes_on_while_a_process_writes(tmp_path: Path) -> None:
    """On an event loop, until the reader has what it waits for."""

    async def follow() -> list[int]:
        found: list[int] = []
        with Capture(tmp_path, "edge") as edge, Tail(tmp_path) as reader:
            edge.put(Origin(at_ns=0))
            async for piece in reader.follow(every_s=0.01):
                found += [row.at_ns for row in piece if isinstance(row, Origin)]
                if len(found) == 5:
                    return found
                if piece:  # an empty one only shows that time goes on
                    edge.put(Origin(at_ns=len(found)))
        return found

    assert asyncio.run(asyncio.wait_for(follow(), 30)) == [0, 1, 2, 3, 4]
