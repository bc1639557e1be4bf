"""A worker's rows on their way into the run's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.live.load.collecting import cut, save


@given(st.binary(max_size=40), st.integers(1, 9))
def test_a_file_arrives_as_it_was(tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int) -> None:
    """Whatever its length, and if it is empty; the last piece alone has the hash."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "there").write_bytes(data)
    found = list(cut(folder / "there", size))
    assert [piece.sha256 is not None for piece in found] == [False] * (len(found) - 1) + [True]
    save(folder / "here", found, "worker-1")
    assert (folder / "here").read_bytes() == data


def test_rows_that_were_damaged_are_named(tmp_path: Path) -> None:
    """A byte that changed on the way ends the run; what came is kept."""
    (tmp_path / "there").write_bytes(b"abcdef")
    first, *rest = cut(tmp_path / "there", 3)
    with pytest.raises(HarnessError, match="damaged on the way") as caught:
        save(tmp_path / "here", [replace(first, data=b"abX"), *rest], "worker-2")
    assert caught.value.where == "worker-2"
    assert (tmp_path / "here").read_bytes() == b"abXdef"
