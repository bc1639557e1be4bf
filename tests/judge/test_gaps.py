"""Each wait before a retry against its allowed band."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings

from harness.chain.waits import LITELLM
from harness.judge import RunData
from harness.judge.tables.gaps import gaps_table, obeyed
from harness.quantities import MS, S
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of
from tests.judge.strategies import books

PLAN = plan_of(faults=[OUTAGE])
RULES = {"openai": LITELLM}


def _gaps(run: RunData) -> pd.DataFrame:
    return gaps_table(run.columns, run.gaps, run.second_sends, RULES)


def test_a_wait_is_held_against_its_rule() -> None:
    """0.44 s is too early by more than 50 ms, 0.46 s is not; after a Retry-After of 2 s the band is 2 to 2.75 s."""
    book = Book()
    book.request(12, fails(503), fails(503, after_s=0.44), Try(after_s=1.85))
    book.request(13, fails(503), fails(429, after_s=0.46, told_s=2), Try(after_s=2.7))
    found = _gaps(book.run(PLAN))
    rows = [
        tuple(row) for row in found[["nth", "cause", "gap_ns", "least_ns", "most_ns", "side"]].itertuples(index=False)
    ]
    assert rows == [
        (1, "server_error", 440 * MS, 500 * MS, 1250 * MS, "too early"),
        (2, "server_error", 1850 * MS, S, 1750 * MS, "later"),
        (1, "server_error", 460 * MS, 500 * MS, 1250 * MS, "within"),
        (2, "rate_limit", 2700 * MS, 2 * S, 2750 * MS, "within"),
    ]
    assert list(obeyed(found)) == [False, False, False, True]


def test_a_provider_without_a_rule_has_no_band() -> None:
    """Nor a side of it, but for a Retry-After: the band begins there and has no end."""
    book = Book()
    book.request(12, fails(503), fails(503, at="azure"), Try(at="azure", after_s=1))
    book.request(13, fails(503), fails(429, at="azure", told_s=2), fails(429, at="azure", after_s=1, told_s=2))
    book.request(14, fails(503), fails(429, at="azure", told_s=2), Try(at="azure", after_s=99))
    row, early, late = _gaps(book.run(PLAN)).to_dict("records")
    assert [(each["least_ns"], each["most_ns"], each["side"]) for each in (early, late)] == [
        (2 * S, math.inf, "too early"),
        (2 * S, math.inf, "within"),
    ]
    assert (row["provider"], row["nth"]) == ("azure", 1)
    assert math.isnan(row["least_ns"])
    assert pd.isna(row["side"])


def test_what_a_library_sends_twice_is_no_retry() -> None:
    """The real retry after it is the first one."""
    book = Book()
    book.request(12, fails(None, outcome="refused"), fails(None, outcome="refused", after_s=0.002), Try(after_s=0.7))
    (row,) = _gaps(book.run(PLAN)).to_dict("records")
    assert (row["nth"], row["gap_ns"]) == (1, 700 * MS)


@settings(max_examples=40)
@given(book=books())
def test_every_retry_is_there_once(book: Book) -> None:
    """Those that no library made by itself, and of requests whose attempts all have a record."""
    run = book.run(PLAN)
    found = _gaps(run)
    counted = ~run.second_sends[run.gaps.after] & ~np.isnan(run.gaps.gap_ns)
    assert len(found) == counted.sum()
    assert (found["nth"] >= 1).all()
    blind = replace(run.columns.requests, blind=np.ones(len(run.columns.requests), dtype=bool))
    assert _gaps(replace(run, columns=replace(run.columns, requests=blind))).empty
