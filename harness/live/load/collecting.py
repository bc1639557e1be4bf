"""A worker's rows on their way into the run's folder: sent in pieces, written in pieces, and compared by a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.live.worker_messages import RowsPiece

ROWS_BYTES = 2 * 2**20
"""Size of a piece: in base64, below that of a message that goes as a whole."""


def cut(path: Path, size: int = ROWS_BYTES) -> Iterator[RowsPiece]:
    """Yield a file in pieces; the last one has the hash of all."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        data = file.read(size)
        while True:
            whole.update(data)
            following = file.read(size)
            yield RowsPiece(data=data, sha256=None if following else whole.hexdigest())
            if not following:
                return
            data = following


def save(path: Path, pieces: Iterable[RowsPiece], worker: str) -> None:
    """Write the pieces of a worker's file as they come.

    Args:
        path: Of the file; what came before a failure stays in it.
        pieces: In order.
        worker: Its name, for the error.

    Raises:
        HarnessError: What came is not what the worker has.
    """
    whole = hashlib.sha256()
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece.data)
            whole.update(piece.data)
            if piece.sha256 is not None and piece.sha256 != whole.hexdigest():
                raise HarnessError("its rows were damaged on the way", where=worker, hint="run it again")
