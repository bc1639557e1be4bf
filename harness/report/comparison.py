"""What became of a chain since an earlier run: on a terminal, in Markdown, in JUnit, as JSON."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.judge.comparison.changes import Change, Comparison, Regression, Trend
from harness.report import words
from harness.report.junit import clean

_STYLES = {Trend.WORSE: "bold red", Trend.BETTER: "green", Trend.SAME: "dim", Trend.UNKNOWN: "dim"}
_GLYPHS = {Trend.WORSE: "✗", Trend.BETTER: "✓", Trend.SAME: "=", Trend.UNKNOWN: "?"}
_SUITE = "baseline"
_WIDTH_MIN = 120
_OPEN_MAX = 3
"""After a run or a suite, so many things that are perhaps worse are named; `harness compare` names all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedCell:
    """One scenario on one chain, before and after.

    Attributes:
        scenario: Its name.
        chain: Its name now.
        comparison: What changed; None where there is nothing to compare with.
        note: Why there is nothing, or what to bear in mind.
        unsound: It was run, but no run of one side was sound: nobody may call that a pass.
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
        """What looks worse, with too few runs to say whether it is."""
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
        """Something looks worse, and there are too few runs to say whether it is; or none was sound."""
        return any(cell.open or cell.unsound for cell in self.cells)

    def regressions(self) -> list[dict[str, Any]]:
        """Return what became worse, as plain data."""
        return self._plain("regressions")

    def open(self) -> list[dict[str, Any]]:
        """Return what looks worse with too few runs to tell, as plain data."""
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
        whole: All numbers that both have; else only what became worse.
    """
    console = console or Console()
    width = None if console.is_terminal else max(_WIDTH_MIN, console.width)
    for cell in compared.cells:
        head = Text(f"{cell.scenario} on {cell.chain}, against {compared.before}: {_headline(cell)}", style="bold")
        console.print(head, highlight=False, soft_wrap=True)
        if whole and cell.comparison is not None:
            if (table := _table(cell.comparison)).row_count:
                console.print(table, width=width, highlight=False)
            alike = sum(change.difference == 0 for change in cell.comparison.changes)
            console.print(Text(f"{words.plural(alike, 'number')} did not change at all", style="dim"), width=width)
        for found in cell.regressions:
            line = Text(f"{_GLYPHS[Trend.WORSE]} worse  {found.message}", style="red")
            console.print(line, highlight=False, soft_wrap=True)
        for found in cell.open[: None if whole else _OPEN_MAX]:
            line = Text(f"{_GLYPHS[Trend.UNKNOWN]} perhaps worse  {found.message}", style="yellow")
            console.print(line, highlight=False, soft_wrap=True)


def _headline(cell: ComparedCell) -> str:
    comparison = cell.comparison
    if comparison is None:
        return cell.note
    told = [words.plural(len(cell.regressions), "regression"), f"{words.plural(comparison.pairs, 'pair')} of runs"]
    if cell.open:
        looks = "1 thing looks" if len(cell.open) == 1 else f"{len(cell.open)} things look"
        more = words.plural(comparison.more, "more repeat")
        told.append(f"cannot tell: {looks} worse, which chance may do; needs {more}")
    return "; ".join([*told, *([cell.note] if cell.note else [])])


def _table(comparison: Comparison) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False, pad_edge=False)
    for column in ("", "metric", "before", "after", "difference"):
        table.add_column(column, overflow="fold", no_wrap=column in ("", "metric"))
    for change in comparison.changes:
        if change.difference in (None, 0.0):
            continue
        old, new = _number(change, "before"), _number(change, "after")
        table.add_row(
            Text(f"{_GLYPHS[change.trend]} {change.trend}", style=_STYLES[change.trend]),
            Text(f"{change.metric} in {change.phase}"),
            Text(old),
            Text(new),
            Text(difference(change)),
        )
    for check in comparison.checks:
        if check.before == check.after and check.pointing is Trend.SAME:
            continue
        answers = (words.MISSING if status is None else words.status(status) for status in (check.before, check.after))
        counts = f"failed {check.failed[0]} → {check.failed[1]} of {check.pairs}" if check.pairs > 1 else ""
        trend = Text(f"{_GLYPHS[check.trend]} {check.trend}", style=_STYLES[check.trend])
        table.add_row(trend, Text(check.text), *map(Text, answers), Text(counts))
    return table


def _number(change: Change, side: str) -> str:
    text = words.amount(getattr(change, side), change.unit)
    around = words.interval(getattr(change, f"{side}_ci"), change.unit)
    return f"{text} ({around})" if around else text


def difference(change: Change) -> str:
    """Return a change as `+1.2 s (0.9 s – 1.5 s)`."""
    if change.difference is None:
        return words.MISSING
    sign = "+" if change.difference > 0 else ""
    around = words.interval(change.difference_ci, change.unit)
    return f"{sign}{words.amount(change.difference, change.unit)}" + (f" ({around})" if around else "")


def markdown(compared: Compared) -> str:
    """Return a section for a step summary; it names only what became worse."""
    lines = ["### Against the baseline", ""]
    for cell in compared.cells:
        lines.append(f"- {_line(cell.scenario)} on {_line(cell.chain)}: {_line(_headline(cell))}")
        lines += [f"  - ✗ {_line(found.message)}" for found in cell.regressions]
        lines += [f"  - ? {_line(found.message)}" for found in cell.open[:_OPEN_MAX]]
    return "\n".join([*lines, ""])


def _line(text: str) -> str:
    return " ".join(text.replace("<", "&lt;").split())


def with_baseline(page: bytes, compared: Compared) -> bytes:
    """Return a JUnit file with one more suite: a test case for each cell that was compared."""
    root = ET.fromstring(page)  # noqa: S314 - we wrote it
    for old in root.findall(f"testsuite[@name='{_SUITE}']"):
        _count(root, old, -1)
        root.remove(old)
    suite = ET.SubElement(root, "testsuite", name=_SUITE)
    for cell in compared.cells:
        case = ET.SubElement(
            suite, "testcase", classname=clean(cell.chain), name=clean(f"{cell.scenario}: no regression")
        )
        messages = [clean(found.message) for found in cell.regressions]
        if messages:
            ET.SubElement(case, "failure", message=messages[0], type="regression").text = "\n".join(messages)
        elif cell.open or cell.unsound:
            told = "\n".join(clean(found.message) for found in cell.open)
            ET.SubElement(case, "error", message=clean(_headline(cell)), type="inconclusive").text = told
        elif cell.comparison is None:
            ET.SubElement(case, "skipped", message=clean(cell.note))
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
