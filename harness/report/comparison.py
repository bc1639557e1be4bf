"""How a chain changed since an earlier run: on a terminal, in Markdown, in JUnit, as JSON."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from harness import quantities
from harness.judge import RUN
from harness.judge.comparison.changes import Change, Comparison, Regression, Trend
from harness.judge.comparison.regression import COMPARED
from harness.report import console as output
from harness.report import escape, words

_STYLES = {Trend.WORSE: "bold red", Trend.BETTER: "green", Trend.SAME: "dim", Trend.UNKNOWN: "dim"}
_GLYPHS = {Trend.WORSE: "✗", Trend.BETTER: "✓", Trend.SAME: "=", Trend.UNKNOWN: "?"}
_SUITE = "baseline"
_OPEN_MAX = 3
"""How much that is perhaps worse is named after a run or a suite; `harness compare` names all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedCell:
    """One scenario on one chain, before and after.

    Attributes:
        scenario: Its name.
        chain: Its name now.
        comparison: What changed; None where there is nothing to compare with.
        note: Why there is nothing, or what limits the comparison.
        unsound: It was run, but one side has no sound run: that is no pass.
    """

    scenario: str
    chain: str
    comparison: Comparison | None = None
    note: str = ""
    unsound: bool = False

    @property
    def regressions(self) -> tuple[Regression, ...]:
        """What became worse."""
        return self.comparison.regressions if self.comparison else ()

    @property
    def open(self) -> tuple[Regression, ...]:
        """What looks worse, with too few runs to be sure."""
        return self.comparison.open if self.comparison else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two runs, or two suites.

    Attributes:
        before: The earlier one, as the user named it.
        after: The later one.
        cells: As in the later one.
    """

    before: str
    after: str
    cells: tuple[ComparedCell, ...]

    @property
    def regressed(self) -> bool:
        """Something became worse."""
        return any(cell.regressions for cell in self.cells)

    @property
    def unclear(self) -> bool:
        """Something looks worse, and there are too few runs to be sure; or none was sound."""
        return any(cell.open or cell.unsound for cell in self.cells)

    def regressions(self) -> list[dict[str, Any]]:
        """Return what became worse, as plain data."""
        return self._plain("regressions")

    def open(self) -> list[dict[str, Any]]:
        """Return what looks worse with too few runs to be sure, as plain data."""
        return self._plain("open")

    def _plain(self, which: Literal["regressions", "open"]) -> list[dict[str, Any]]:
        return [
            {"scenario": cell.scenario, "chain": cell.chain, **asdict(found)}
            for cell in self.cells
            for found in getattr(cell, which)
        ]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {
            "before": self.before,
            "after": self.after,
            "regressions": self.regressions(),
            "open": self.open(),
            "cells": [
                {"scenario": cell.scenario, "chain": cell.chain, "note": cell.note, **_plain(cell.comparison)}
                for cell in self.cells
            ],
        }


def _plain(comparison: Comparison | None) -> dict[str, Any]:
    if comparison is None:
        return {"pairs": 0, "needed": 0, "paired": False, "metrics": [], "checks": []}
    return {
        "pairs": comparison.pairs,
        "needed": comparison.needed,
        "paired": comparison.paired,
        "metrics": [{name: _finite(value) for name, value in asdict(change).items()} for change in comparison.changes],
        "checks": [asdict(check) for check in comparison.checks],
    }


def _finite(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_finite(end) for end in value]
    return None if isinstance(value, float) and abs(value) == float("inf") else value


def print_comparison(compared: Compared, console: Console | None = None, *, whole: bool = True) -> None:
    """Print what changed.

    Args:
        compared: It.
        console: Where to; standard output if None.
        whole: All numbers common to both; else only what became worse.
    """
    console = console or Console()
    for cell in compared.cells:
        head = f"{cell.scenario} on {cell.chain}, compared with {compared.before}: {headline(cell)}"
        output.line(console, head, "bold", whole=True)
        if whole and cell.comparison is not None:
            if rows := _rows(cell.comparison):
                output.table(console, ("", "metric", "before", "after", "difference"), rows)
            same = sum(change.difference == 0 for change in cell.comparison.changes)
            output.line(console, f"{quantities.plural(same, 'number')} did not change at all", "dim")
        for found in cell.regressions:
            output.line(console, f"{_GLYPHS[Trend.WORSE]} worse  {found.message}", "red", whole=True)
        for found in cell.open[: None if whole else _OPEN_MAX]:
            output.line(console, f"{_GLYPHS[Trend.UNKNOWN]} perhaps worse  {found.message}", "yellow", whole=True)


def headline(cell: ComparedCell) -> str:
    """Return what a comparison comes to, in a line."""
    comparison = cell.comparison
    if comparison is None:
        return cell.note
    parts = [
        quantities.plural(len(cell.regressions), "regression"),
        f"{quantities.plural(comparison.pairs, 'pair')} of runs",
    ]
    if cell.open:
        looks = "1 thing looks" if len(cell.open) == 1 else f"{len(cell.open)} things look"
        more = quantities.plural(comparison.more, "more repeat")
        parts.append(f"too few runs: {looks} worse, which may be chance; {more} needed")
    return "; ".join([*parts, *([cell.note] if cell.note else [])])


def _rows(comparison: Comparison) -> list[tuple[Text | str, ...]]:
    return [(_trend(trend), *texts) for trend, texts in moved_rows(comparison)]


def moved_rows(comparison: Comparison) -> list[tuple[Trend, tuple[str, str, str, str]]]:
    """Return each number and check that differs: what it is called, before, after, and the difference."""
    rows = []
    for change in comparison.changes:
        if change.difference not in (None, 0.0):
            name = f"{change.metric} in {change.phase}"
            rows.append((change.trend, (name, _number(change, "before"), _number(change, "after"), difference(change))))
    for check in comparison.checks:
        if check.before == check.after and check.pointing is Trend.SAME:
            continue
        before, after = (
            quantities.MISSING if status is None else words.status(status) for status in (check.before, check.after)
        )
        failures = f"failed {check.failed[0]} → {check.failed[1]} of {check.pairs}" if check.pairs > 1 else ""
        rows.append((check.trend, (check.text, before, after, failures)))
    return rows


def moved(comparison: Comparison, trend: Trend) -> list[str]:
    """Return what became better, or worse, in words: checks first, then numbers of the whole run, then those of phases."""
    found = [
        f"{check.text}: failed in {check.failed[0]} of {quantities.plural(check.pairs, 'run')}, now in {check.failed[1]}"
        for check in comparison.checks
        if check.trend is trend
    ]
    numbers: dict[tuple[str, str], str] = {}
    for change in sorted(
        comparison.changes, key=lambda change: (change.phase != RUN, not change.metric.endswith("_p95"))
    ):
        metric = COMPARED[change.metric]
        if change.trend is trend:  # of several quantiles that moved, one is enough: p95 if it did
            phase = "" if change.phase == RUN else f" in {change.phase}"
            before, after = (quantities.amount(value, change.unit) for value in (change.before, change.after))
            statistic = change.metric.removeprefix(metric.name).replace("_", " ")
            text = f"{metric.label}{statistic}{phase}: {before} → {after}"
            numbers.setdefault((metric.name, change.phase), text)
    return [*found, *numbers.values()]


def _trend(trend: Trend) -> Text:
    return Text(trend_word(trend), style=_STYLES[trend])


def trend_word(trend: Trend) -> str:
    """Return a trend with its symbol: no reader has to tell colours apart."""
    return f"{_GLYPHS[trend]} {trend}"


def _number(change: Change, side: str) -> str:
    text = quantities.amount(getattr(change, side), change.unit)
    around = quantities.interval(getattr(change, f"{side}_ci"), change.unit)
    return f"{text} ({around})" if around else text


def difference(change: Change) -> str:
    """Return a change as `+1.2 s (0.9 s – 1.5 s)`."""
    if change.difference is None:
        return quantities.MISSING
    sign = "+" if change.difference > 0 else ""
    around = quantities.interval(change.difference_ci, change.unit)
    return f"{sign}{quantities.amount(change.difference, change.unit)}" + (f" ({around})" if around else "")


def markdown(compared: Compared) -> str:
    """Return a section for a step summary; it names only what became worse."""
    lines = ["### Compared with the baseline", ""]
    for cell in compared.cells:
        lines.append(f"- {escape.markdown(f'{cell.scenario} on {cell.chain}: {headline(cell)}')}")
        lines += [f"  - ✗ {escape.markdown(found.message)}" for found in cell.regressions]
        lines += [f"  - ? {escape.markdown(found.message)}" for found in cell.open[:_OPEN_MAX]]
    return "\n".join([*lines, ""])


def with_baseline(page: bytes, compared: Compared) -> bytes:
    """Return a JUnit file with another suite: a test case for each cell that was compared."""
    root = ET.fromstring(page)  # noqa: S314 - we wrote it
    for old in root.findall(f"testsuite[@name='{_SUITE}']"):
        _count(root, old, -1)
        root.remove(old)
    suite = ET.SubElement(root, "testsuite", name=_SUITE)
    for cell in compared.cells:
        case = ET.SubElement(
            suite, "testcase", classname=escape.xml(cell.chain), name=escape.xml(f"{cell.scenario}: no regression")
        )
        messages = [escape.xml(found.message) for found in cell.regressions]
        if messages:
            ET.SubElement(case, "failure", message=messages[0], type="regression").text = "\n".join(messages)
        elif cell.open or cell.unsound:
            details = "\n".join(escape.xml(found.message) for found in cell.open)
            ET.SubElement(case, "error", message=escape.xml(headline(cell)), type="inconclusive").text = details
        elif cell.comparison is None:
            ET.SubElement(case, "skipped", message=escape.xml(cell.note))
    suite.set("tests", str(len(suite)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    _count(root, suite, 1)
    ET.indent(root)
    found: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def _count(root: ET.Element, suite: ET.Element, sign: int) -> None:
    for name in ("tests", "failures", "errors"):
        root.set(name, str(int(root.get(name, "0")) + sign * int(suite.get(name, "0"))))
