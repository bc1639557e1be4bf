"""Scorecards of several suites, or of several chains of one, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.report.scorecard.model import Cell, Scorecard
from harness.store.index_entry import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteColumn:
    """One chain in one suite.

    Attributes:
        suite: The suite's folder.
        began: When the suite was started, in UTC.
        chain: The chain's name.
        library: What the chain is made of, with its version; empty if that is not known.
        cells: By the scenario's name.
    """

    suite: str
    began: str
    chain: str
    library: str
    cells: Mapping[str, Cell]

    @property
    def passed(self) -> int:
        """How many scenarios passed."""
        return sum(cell.score.value == "pass" for cell in self.cells.values())


def columns_of(card: Scorecard, entry: Callable[[str, str], Entry | None]) -> list[SuiteColumn]:
    """Return a column for each chain of a suite.

    Args:
        card: The suite.
        entry: Returns what is known of a run, by the suite's folder and the run's.
    """
    columns = []
    for chain in card.chains:
        cells = {cell.scenario: cell for cell in card.cells if cell.chain == chain}
        runs = (run.run for cell in cells.values() for run in cell.runs if run.run)
        known = next((found for run in runs if (found := entry(card.path, run))), None)
        library = known.library if known else ""
        columns.append(SuiteColumn(suite=card.path, began=card.started, chain=chain, library=library, cells=cells))
    return columns


def labels(columns: Sequence[SuiteColumn]) -> list[str]:
    """Return what each column is called: by its chain, and by version, time and folder as far as needed to tell them apart."""
    parts = [(each.chain, each.library, each.began[:16].replace("T", " "), Path(each.suite).name) for each in columns]
    for size in range(1, 5):
        names = [", ".join(filter(None, part[:size])) for part in parts]
        if max(Counter(names).values(), default=1) == 1:
            return names
    return [f"{name} ({place})" for place, name in enumerate(names, start=1)]
