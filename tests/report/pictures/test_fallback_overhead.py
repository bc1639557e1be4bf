"""The picture of the wait for a fallback."""

from __future__ import annotations

from dataclasses import replace

from harness.report import JudgedRun
from harness.report.pictures.fallback_overhead import FALLBACK_OVERHEAD, strictest_limit_ns


def test_the_limit_is_the_strictest(demo: JudgedRun) -> None:
    """The line in the picture is the lowest upper limit that the scenario sets."""
    assert strictest_limit_ns(demo.plan) == 9e9
    assert strictest_limit_ns(replace(demo.plan, expectations=())) is None


def test_it_gives_the_numbers_of_the_metrics(demo: JudgedRun) -> None:
    """The median and the p95 in its text are those of the table of numbers."""
    assert FALLBACK_OVERHEAD.alt(demo).startswith("Wait for a fallback: azure answered ")
    numbers = demo.metrics.phases["run"]
    for name in ("fallback_overhead_p50", "fallback_overhead_p95"):
        value = numbers[name].value
        assert value is not None
        assert f"{value / 1e9:.2f}".rstrip("0") in FALLBACK_OVERHEAD.alt(demo)
    assert "0 of 369 reached the limit of 9 s." in FALLBACK_OVERHEAD.alt(demo)
