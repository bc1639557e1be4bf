"""The rows of one kind of record, read by column: as arrays, without a data frame.

A run of millions of attempts is judged from a few bare columns; a data frame of all of them would take gigabytes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd

    from harness.history import frames
else:
    frames = lazy("harness.history.frames")

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.signedinteger[Any]]
Codes = tuple[Ints, list[str]]
"""The place of each row's text in a list of the different ones, -1 where there is none, and that list."""


class Table(ABC):
    """Rows of one kind of record, in the order of the history.

    Attributes:
        record: The kind.
    """

    record: type

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """All of it as a data frame; made when it is first asked for, and kept."""

    @abstractmethod
    def floats(self, name: str) -> Floats:
        """Return a column of numbers, NaN where there is none."""

    @abstractmethod
    def ints(self, name: str) -> NDArray[np.int64]:
        """Return a column of whole numbers that each row has."""

    @abstractmethod
    def bools(self, name: str) -> Bools:
        """Return a column of flags."""

    @abstractmethod
    def codes(self, name: str) -> Codes:
        """Return a column of texts of which few differ."""

    @abstractmethod
    def given(self, name: str) -> Bools:
        """Return which rows have a value in a column."""

    @abstractmethod
    def lengths(self, name: str) -> Ints:
        """Return how many texts each row of a column of lists has."""

    @abstractmethod
    def pick(self, name: str, rows: Ints) -> list[Any]:
        """Return the values of some rows, None where there is none."""

    def places(self, name: str, names: Sequence[str]) -> Ints:
        """Return the place of each text of a column in `names`, -1 where it is not in it."""
        codes, values = self.codes(name)
        known = {each: place for place, each in enumerate(names)}
        found = np.array([*(known.get(each, -1) for each in values), -1], dtype=narrow(len(names)))
        return found[codes]

    def rows_in(self, name: str, keys: Table, key: str, chosen: Ints) -> Ints:
        """Return for each row which of some rows of another table has the same text, -1 where none has.

        Args:
            name: The column here.
            keys: The other table.
            key: Its column.
            chosen: The rows there; no two of them have the same text.

        Raises:
            ValueError: Two of them have.
        """
        known = {text: place for place, text in enumerate(keys.pick(key, chosen))}
        check_unique(len(known), len(chosen), key)
        known.pop(None, None)
        values = self.pick(name, np.arange(len(self)))
        return np.array([known.get(text, -1) for text in values], dtype=narrow(len(chosen)))

    def same(self, name: str, other: Table, key: str, rows: Ints) -> Bools:
        """Return for each row whether its text is that of a row of another table.

        Args:
            name: The column here.
            other: The other table.
            key: Its column.
            rows: For each row here that of the other table; -1 is none.
        """
        here = self.pick(name, np.arange(len(self)))
        there = [*other.pick(key, np.arange(len(other))), None]
        pairs = zip(here, rows.tolist(), strict=True)
        return np.array([text is not None and text == there[row] for text, row in pairs], dtype=bool)


def check_unique(different: int, size: int, key: str) -> None:
    """Raise an error unless all of some keys differ."""
    if different < size:
        raise ValueError(f"{size - different} rows have the {key} of another one")


def narrow(size: int) -> type[np.signedinteger[Any]]:
    """Return the smallest type that holds places among so many things, and -1."""
    return next((each for each in (np.int8, np.int16, np.int32) if size <= np.iinfo(each).max), np.int64)


class RecordTable(Table):
    """Records in memory.

    Args:
        record: Their kind.
        rows: Records, or plain mappings of one.
    """

    __slots__ = ("_frame", "_rows", "record")

    def __init__(self, record: type, rows: Iterable[Any] = ()) -> None:
        self.record = record
        self._rows: list[Any] = [record(**row) if isinstance(row, dict) else row for row in rows]
        self._frame: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        """The records."""
        return iter(self._rows)

    @property
    def frame(self) -> pd.DataFrame:
        """All of it as a data frame; made when it is first asked for, and kept."""
        if self._frame is None:
            self._frame = frames.frame(self.record, self._rows)
        return self._frame

    def floats(self, name: str) -> Floats:
        """Return a column of numbers, NaN where there is none."""
        values = self._column(name)
        return np.array([math.nan if value is None else value for value in values], dtype=np.float64)

    def ints(self, name: str) -> NDArray[np.int64]:
        """Return a column of whole numbers that each row has."""
        return np.array(self._column(name), dtype=np.int64)

    def bools(self, name: str) -> Bools:
        """Return a column of flags."""
        return np.array(self._column(name), dtype=bool)

    def codes(self, name: str) -> Codes:
        """Return a column of texts of which few differ."""
        values = self._column(name)
        known = dict.fromkeys(value for value in values if value is not None)
        places: dict[Any, int] = {text: place for place, text in enumerate(known)}
        places[None] = -1
        return np.array([places[value] for value in values], dtype=narrow(len(known))), list(known)

    def given(self, name: str) -> Bools:
        """Return which rows have a value in a column."""
        return np.array([value is not None for value in self._column(name)], dtype=bool)

    def lengths(self, name: str) -> Ints:
        """Return how many texts each row of a column of lists has."""
        return np.array([len(value) for value in self._column(name)], dtype=np.int64)

    def pick(self, name: str, rows: Ints) -> list[Any]:
        """Return the values of some rows, None where there is none."""
        return [getattr(self._rows[row], name) for row in rows.tolist()]

    def _column(self, name: str) -> list[Any]:
        return [getattr(row, name) for row in self._rows]
