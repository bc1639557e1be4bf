"""A table in a Parquet file: kept compressed in memory, each column unpacked when it is asked for.

Of 5 million attempts the file takes 80 to 150 MB, all columns unpacked a gigabyte, and as a data frame three or four. The judge
needs half of the columns, most of them once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.history.frames import defaults_of, dtypes
from harness.history.table import Bools, Codes, Floats, Ints, Table, check_unique, narrow

_LIST = pa.list_(pa.string())
_NUMBERS = {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
_TYPES = {
    **_NUMBERS,
    "Int64": pa.int64(),
    "Float64": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "object": _LIST,
}


class ParquetTable(Table):
    """Rows of one kind of record, as a Parquet file has them.

    Args:
        record: Their kind.
        written: The file's bytes.

    Raises:
        ArrowException: They are damaged.
        ValueError: A row lacks a value that each has.
    """

    __slots__ = ("_file", "_footer", "_frame", "_types", "record")

    def __init__(self, record: type, written: bytes) -> None:
        self.record = record
        self._file = pa.py_buffer(written)
        self._footer = pq.read_metadata(pa.BufferReader(self._file))
        self._types = dtypes(record)
        self._frame: pd.DataFrame | None = None
        for name, kind in self._types.items():  # so that what is damaged shows now
            if sum(part.null_count for part in self._parts(name)) and kind in _NUMBERS:
                raise ValueError(f"{name} lacks values")

    @property
    def metadata(self) -> dict[bytes, bytes]:
        """What the file's schema has besides its columns."""
        return self._open().schema_arrow.metadata or {}

    def __len__(self) -> int:
        return int(self._footer.num_rows)

    @property
    def frame(self) -> pd.DataFrame:
        """All of it as a data frame; made when it is first asked for, and kept."""
        if self._frame is None:
            self._frame = pd.DataFrame({name: self._series(name) for name in self._types})
        return self._frame

    def floats(self, name: str) -> Floats:
        """Return a column of numbers, NaN where there is none."""
        return self._array(name, np.float64)

    def ints(self, name: str) -> NDArray[np.int64]:
        """Return a column of whole numbers that each row has."""
        return self._array(name, np.int64)

    def bools(self, name: str) -> Bools:
        """Return a column of flags."""
        return self._array(name, np.bool_)

    def codes(self, name: str) -> Codes:
        """Return a column of texts of which few differ."""
        known: dict[str, int] = {}
        found = []
        for part in self._parts(name, dictionary=True):
            places = [known.setdefault(text, len(known)) for text in part.dictionary.to_pylist()]
            of_part = np.array([*places, -1], dtype=narrow(len(known)))
            found.append(of_part[part.indices.fill_null(-1).to_numpy()])
        return np.concatenate([np.zeros(0, dtype=np.int8), *found]), list(known)

    def given(self, name: str) -> Bools:
        """Return which rows have a value in a column."""
        found = [part.is_valid().to_numpy(zero_copy_only=False) for part in self._parts(name)]
        return np.concatenate([np.zeros(0, dtype=bool), *found])

    def lengths(self, name: str) -> Ints:
        """Return how many texts each row of a column of lists has."""
        found = [pc.list_value_length(part).fill_null(0).to_numpy(zero_copy_only=False) for part in self._parts(name)]
        return np.concatenate([np.zeros(0, dtype=np.int32), *found])

    def pick(self, name: str, rows: Ints) -> list[Any]:
        """Return the values of some rows, None where there is none."""
        values = self._column(name).take(pa.array(rows))
        if self._types[name] == "object":
            return [tuple(value) for value in values.to_pylist()]
        found: list[Any] = values.to_numpy().tolist() if pa.types.is_string(values.type) else values.to_pylist()
        return found

    def rows_in(self, name: str, keys: Table, key: str, chosen: Ints) -> Ints:
        """Return for each row which of some rows of another table has the same text; see `Table`."""
        if not isinstance(keys, ParquetTable):
            return super().rows_in(name, keys, key, chosen)
        known = keys._column(key).take(pa.array(chosen)).combine_chunks()  # noqa: SLF001 - of the same class
        found = pc.index_in(self._column(name), value_set=known, skip_nulls=True)
        # Ids grow with time nearly always, and then no two are the same.
        if not pc.all(pc.less(known[:-1], known[1:])).as_py():
            check_unique(pc.count_distinct(known).as_py(), len(known), key)
        return np.asarray(found.fill_null(-1).to_numpy(), dtype=np.int32)

    def same(self, name: str, other: Table, key: str, rows: Ints) -> Bools:
        """Return for each row whether its text is that of a row of another table; see `Table`."""
        if not isinstance(other, ParquetTable):
            return super().same(name, other, key, rows)
        there = other._column(key).combine_chunks()  # noqa: SLF001 - of the same class
        found, done = [np.zeros(0, dtype=bool)], 0
        for here in self._parts(name):
            wanted = rows[done : done + len(here)]
            done += len(here)
            equal = pc.equal(here, there.take(pa.array(wanted, mask=wanted < 0)))
            found.append(equal.fill_null(fill_value=False).to_numpy(zero_copy_only=False))
        return np.concatenate(found)

    def _open(self, *, dictionary: str | None = None) -> Any:
        read_dictionary = [dictionary] if dictionary else None
        return pq.ParquetFile(pa.BufferReader(self._file), metadata=self._footer, read_dictionary=read_dictionary)

    def _parts(self, name: str, *, dictionary: bool = False) -> Iterator[Any]:
        """Yield a column piece by piece, as the record types it; a dictionary of texts where that is asked for."""
        wanted = _TYPES[self._types[name]]
        if name not in self._open().schema_arrow.names:  # a run from before the record had this field
            yield self._encoded(self._missing(name, len(self)), dictionary)
            return
        file = self._open(dictionary=name if dictionary else None)
        for group in range(file.num_row_groups):
            for part in file.read_row_group(group, columns=[name], use_threads=False).column(0).chunks:
                if pa.types.is_dictionary(part.type):
                    yield part
                else:
                    yield self._encoded(part if part.type == wanted else part.cast(wanted), dictionary)

    @staticmethod
    def _encoded(part: Any, dictionary: bool) -> Any:
        return part.dictionary_encode() if dictionary else part

    def _missing(self, name: str, size: int) -> Any:
        default, wanted = defaults_of(self.record).get(name), _TYPES[self._types[name]]
        if wanted == _LIST:
            return pa.array([[]] * size, wanted)
        return pa.nulls(size, wanted) if default is None else pa.repeat(pa.scalar(default, wanted), size)

    def _column(self, name: str) -> Any:
        return pa.chunked_array(list(self._parts(name)), _TYPES[self._types[name]])

    def _array(self, name: str, kind: type) -> NDArray[Any]:
        found: NDArray[Any] = np.empty(len(self), dtype=kind)
        done = 0
        for part in self._parts(name):
            found[done : done + len(part)] = part.to_numpy(zero_copy_only=False)
            done += len(part)
        return found

    def _series(self, name: str) -> pd.Series[Any]:
        column, kind = self._column(name), self._types[name]
        if kind == "object":
            return pd.Series([tuple(value) for value in column.to_pylist()], dtype=kind)
        dtype: Any = pd.api.types.pandas_dtype(kind)
        return pd.Series(dtype.__from_arrow__(column) if hasattr(dtype, "__from_arrow__") else column.to_numpy())
