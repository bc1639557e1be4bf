"""Tables in Parquet files, and the same records in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.history import AttemptRecord, History, RequestRecord, as_records
from harness.history.frames import dtypes
from harness.history.table import RecordTable, Table
from harness.judge import RunData, journeys, judge, measure
from harness.scenario import Plan
from harness.store import tables
from harness.store.parquet import ParquetTable
from tests.judge.histories import Book
from tests.judge.strategies import books, plans

TEXTS = st.none() | st.sampled_from(["a", "b", "é\x00"])
NUMBERS = st.none() | st.integers(-(2**62), 2**62)
ROWS = st.lists(
    st.builds(
        AttemptRecord,
        attempt_id=st.uuids().map(str),
        request_id=st.none() | st.sampled_from(["req-1", "req-2", "other"]),
        provider=st.sampled_from(["openai", "azure"]),
        start_ns=st.integers(-(2**62), 2**62),
        end_ns=NUMBERS,
        status=NUMBERS,
        outcome=st.sampled_from(["ok", "status"]),
        error_code=TEXTS,
        other_faults=st.lists(st.sampled_from(["fault-1", "fault-2"]), max_size=2).map(tuple),
        forwarded=st.booleans(),
        cost_usd=st.none() | st.floats(0, 9),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples: each writes its files anew."""
    return tmp_path_factory.mktemp("tables")


def both(folder: Path, rows: list[AttemptRecord]) -> tuple[RecordTable, ParquetTable]:
    """Return the same attempts from memory and from a file."""
    tables.write(folder, History.of("", attempts=rows))
    read = ParquetTable(AttemptRecord, (folder / "attempts.parquet").read_bytes())
    return RecordTable(AttemptRecord, sorted(rows, key=lambda each: each.start_ns)), read


@settings(max_examples=15)
@given(rows=ROWS)
def test_a_file_and_the_records_give_the_same_columns(rows: list[AttemptRecord], shared_folder: Path) -> None:
    """Every kind of column, empty tables and missing values too."""
    memory, file = both(shared_folder, rows)
    assert len(memory) == len(file) == len(rows)
    for name, kind in dtypes(AttemptRecord).items():
        every = np.arange(len(rows))
        picked = [None if value != value else value for value in file.pick(name, every)]  # noqa: PLR0124 - NaN
        assert memory.pick(name, every) == picked
        if kind == "object":
            assert memory.lengths(name).tolist() == file.lengths(name).tolist()
        elif kind == "bool":
            assert memory.bools(name).tolist() == file.bools(name).tolist()
        elif kind == "string":
            (ours, names), (theirs, others) = memory.codes(name), file.codes(name)
            assert [[*names, None][code] for code in ours] == [[*others, None][code] for code in theirs]
            assert memory.places(name, ["b", "a"]).tolist() == file.places(name, ["b", "a"]).tolist()
            assert memory.given(name).tolist() == file.given(name).tolist()
        else:
            assert np.array_equal(memory.floats(name), file.floats(name), equal_nan=True)
    pd.testing.assert_frame_equal(memory.frame, file.frame)


@settings(max_examples=15)
@given(rows=ROWS, data=st.data())
def test_rows_are_found_by_their_text(rows: list[AttemptRecord], data: st.DataObject, shared_folder: Path) -> None:
    """From memory, from files and across: an id that is missing, or that no row has, is found nowhere."""
    memory, file = both(shared_folder, rows)
    keys: list[Table] = [RecordTable(AttemptRecord, memory), file]
    chosen = np.array(sorted(data.draw(st.sets(st.integers(0, len(rows) - 1)))) if rows else [], dtype=np.int64)
    rows_of = np.array([data.draw(st.integers(-1, len(rows) - 1)) for _ in rows], dtype=np.int64)
    found = [one.rows_in("attempt_id", key, "attempt_id", chosen).tolist() for one in (memory, file) for key in keys]
    assert all(each == found[0] for each in found)
    assert found[0] == [list(chosen).index(row) if row in chosen else -1 for row in range(len(rows))]
    equal = [one.same("error_code", key, "error_code", rows_of).tolist() for one in (memory, file) for key in keys]
    codes = [each.error_code for each in memory]
    assert all(each == equal[0] for each in equal)
    expected = [code is not None and row >= 0 and code == codes[row] for code, row in zip(codes, rows_of, strict=True)]
    assert equal[0] == expected


@pytest.mark.parametrize("from_file", [False, True])
def test_two_rows_with_one_key_are_an_error(tmp_path: Path, *, from_file: bool) -> None:
    """An attempt would belong to either."""
    row = AttemptRecord(attempt_id="a", request_id="r", provider="openai", start_ns=0, outcome="ok")
    table = both(tmp_path, [row, replace(row, start_ns=1)])[from_file]
    with pytest.raises(ValueError, match="1 rows have the attempt_id of another one"):
        table.rows_in("attempt_id", table, "attempt_id", np.arange(2))


@settings(max_examples=5)
@given(plan=plans(), book=books())
def test_a_saved_run_has_the_verdict_of_the_run(plan: Plan, book: Book, shared_folder: Path) -> None:
    """Numbers, findings and tables from files are those from memory."""
    history = book.history(plan)
    tables.write(shared_folder, history)
    before, after = RunData.of(plan, history), RunData.of(plan, tables.read(shared_folder, plan))
    assert judge(after) == judge(before)
    assert measure(after) == measure(before)
    pd.testing.assert_frame_equal(journeys(after), journeys(before))


@pytest.mark.parametrize(
    "spoil", [lambda written: written[:-9], lambda written: written[:4] + b"\xff" * 40 + written[44:]]
)
def test_what_is_damaged_shows_when_it_is_opened(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Also in the middle of a column, which is unpacked only later."""
    row = RequestRecord(request_id="r", phase="p", scheduled_ns=0, outcome="ok")
    tables.write(tmp_path, History.of("", requests=[row] * 99))
    with pytest.raises((OSError, ValueError)):
        ParquetTable(RequestRecord, spoil((tmp_path / "requests.parquet").read_bytes()))


def test_a_column_that_a_file_lacks_has_the_default(tmp_path: Path) -> None:
    """A run from before the record had that field."""
    row = RequestRecord(request_id="r", phase="p", scheduled_ns=0, outcome="ok")
    tables.write(tmp_path, History.of("", requests=[row] * 3))
    path = tmp_path / "requests.parquet"
    kept = ["request_id", "phase", "scheduled_ns", "outcome"]
    pq.write_table(pq.read_table(path).select(kept), path)
    table = ParquetTable(RequestRecord, path.read_bytes())
    assert as_records(RequestRecord, table.frame) == [row] * 3
    assert {field.name for field in fields(RequestRecord)} == set(table.frame)
    assert table.codes("kind")[1] == ["chat"]
    assert table.lengths("sources").tolist() == [0, 0, 0]
