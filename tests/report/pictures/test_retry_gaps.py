"""The picture of retries."""

from __future__ import annotations

import pandas as pd

from harness.report import JudgedRun
from harness.report.pictures.retry_gaps import RETRY_GAPS, early


def test_it_counts_the_early_ones(demo: JudgedRun, hasty: JudgedRun) -> None:
    """It counts retries that came too early as the judge does; a patient chain has none."""
    count = int(((hasty.retries["kind"] == "retry") & (hasty.retries["early_ns"] > 50e6)).sum())
    assert count > 0
    assert f"; {count} of them came too early." in RETRY_GAPS.alt(hasty)
    assert RETRY_GAPS.alt(demo) == (
        "822 retries at the same provider, after a median wait of 2.38 s. 822 were given a Retry-After; "
        "0 of them came too early."
    )


def test_early_is_beyond_the_tolerance() -> None:
    """Exactly 50 ms early is still in time."""
    table = pd.DataFrame({"early_ns": [50e6, 50e6 + 1, float("nan"), -1.0]})
    assert early(table).tolist() == [False, True, False, False]
