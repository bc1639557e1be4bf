"""Our messages within Locust's: in pieces, and together again."""

from __future__ import annotations

from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.live.load.link import Pieces, pieces


@given(st.binary(min_size=1, max_size=50), st.binary(min_size=1, max_size=50), st.integers(1, 9))
def test_lines_of_several_senders_do_not_mix(one: bytes, two: bytes, size: int) -> None:
    """Each line is whole again when its own last piece comes."""
    together = Pieces()
    done = {}
    for first, second in zip_longest(pieces(one, size), pieces(two, size)):
        for sender, piece in (("one", first), ("two", second)):
            if piece is not None and (line := together.add(sender, piece[0], more=piece[1])) is not None:
                done[sender] = line
    assert done == {"one": one, "two": two}


def test_a_stranger_cannot_fill_the_memory() -> None:
    """A line is dropped once it is longer than its sender's may be."""
    together = Pieces(lambda sender: 5 if sender == "stranger" else 100)
    assert together.add("stranger", b"abc", more=True) is None
    with pytest.raises(ValueError, match="more than 5 bytes"):
        together.add("stranger", b"def", more=True)
    assert together.add("stranger", b"ghi", more=False) == b"ghi"
    assert together.add("worker", b"abcdef", more=False) == b"abcdef"
