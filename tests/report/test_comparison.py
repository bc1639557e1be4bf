"""A comparison on the terminal, and as plain data."""

from __future__ import annotations

import io
import json
import math

from rich.console import Console

from harness.judge import Status, Value
from harness.judge.comparison.regression import Side, compare
from harness.report.comparison import Compared, ComparedCell, difference, print_comparison
from tests.judge.test_regression import SECOND, metrics, side


def shown(compared: Compared, *, whole: bool = True) -> str:
    """Return what is printed."""
    out = io.StringIO()
    print_comparison(compared, Console(file=out, width=80), whole=whole)
    return out.getvalue()


def compared(*pairs: tuple[Side, Side]) -> Compared:
    """Return a comparison of one cell."""
    cell = ComparedCell(scenario="one", chain="ours", comparison=compare(pairs, paired=True))
    return Compared(before="reports/a", after="reports/b", cells=(cell,))


def test_only_what_changed_is_shown() -> None:
    """With both numbers, the difference and a word; what did not change is counted."""
    text = shown(
        compared((side("latency_p95", SECOND, calm=Status.PASS), side("latency_p95", 3 * SECOND, calm=Status.FAIL)))
    )
    assert "? unknown  latency_p95 in fault  1 s     3 s     +2 s" in text
    assert "? unknown  calm                  ✓ PASS  ✗ FAIL" in text
    assert "no regression; 1 pair of runs; too few runs: 2 things look worse, which may be chance; 4 more" in text
    alike = shown(compared((side("latency_p95", SECOND), side("latency_p95", SECOND))))
    assert "1 number did not change at all" in alike
    assert "metric" not in alike


def test_after_a_run_only_what_became_worse_is_shown() -> None:
    """`harness compare` shows the rest."""
    text = shown(compared((side("cost", 2, half=None), side("cost", 1, half=None))), whole=False)
    assert text.splitlines() == ["one on ours, compared with reports/a: no regression; 1 pair of runs"]


def test_one_run_does_not_pretend() -> None:
    """What looks worse is named with the number of repeats that are missing; with five, none are."""
    pair = (side("cost", 1, half=None), side("cost", 2, half=None))
    text = shown(compared(pair), whole=False)
    assert "too few runs: 1 thing looks worse, which may be chance; 4 more repeats needed" in text
    assert "? perhaps worse  cost in fault: was 0.001 µs, is 0.002 µs" in text
    assert compared(pair).unclear
    assert not compared(pair).regressed
    assert "✗ worse  cost in fault: was 0.001 µs" in shown(compared(*[pair] * 5), whole=False)


def test_a_difference_has_its_interval_from_five_pairs_on() -> None:
    """And its sign."""
    pairs = [(side("latency_p95", SECOND), side("latency_p95", (2 + place) * SECOND)) for place in range(5)]
    (change,) = compare(pairs, paired=True).changes
    assert difference(change) == "+3 s (1.04 s – 4.96 s)"
    (less,) = compare([(new, old) for old, new in pairs[:1]], paired=True).changes
    assert difference(less) == "-1 s"


def test_open_intervals_are_null_in_json() -> None:
    """An infinite end is null, since JSON has no infinity."""
    wide = Side(metrics=metrics(latency_p95=Value(value=1, ci=(0, math.inf), samples=2, unit="ns")))
    data = json.loads(json.dumps(compared((wide, wide)).as_json(), allow_nan=False))
    assert data["cells"][0]["metrics"][0]["before_ci"] == [0, None]
