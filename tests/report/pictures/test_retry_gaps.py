"""The picture of retries."""

from __future__ import annotations

import pandas as pd

from harness.report import JudgedRun
from harness.report.pictures.retry_gaps import RETRY_GAPS, _rows, early


def test_it_counts_the_early_ones(demo: JudgedRun, hasty: JudgedRun) -> None:
    """It counts retries that came too early as the judge does; a patient chain has none."""
    count = int(((hasty.retries["kind"] == "retry") & (hasty.retries["early_ns"] > 50e6)).sum())
    assert count > 0
    assert f"; {count} of them came too early." in RETRY_GAPS.alt(hasty)
    assert RETRY_GAPS.alt(demo) == (
        "822 retries at the same provider, after a median wait of 2.38 s. 822 were given a Retry-After; "
        "0 of them came too early. Of 822 waits 0 were outside of what the chain's settings allow."
    )


def test_early_is_beyond_the_tolerance() -> None:
    """Exactly 50 ms early is still in time."""
    table = pd.DataFrame({"early_ns": [50e6, 50e6 + 1, float("nan"), -1.0]})
    assert early(table).tolist() == [False, True, False, False]


def test_green_is_what_the_settings_allow(demo: JudgedRun) -> None:
    """Each row's band is that of the table of gaps: from Retry-After on, and no longer than LiteLLM's random part."""
    (first, *_rest) = _rows(demo, demo.gaps.assign(early_ns=0.0))
    assert first.allowed_ns is not None
    least_ns, most_ns = first.allowed_ns
    assert least_ns == first.asked_ns == 2e9
    assert 2e9 < most_ns < 3e9
    rows = demo.gaps[demo.gaps["nth"] == 1]
    assert (least_ns, most_ns) == (rows["least_ns"].min(), rows["most_ns"].max())
