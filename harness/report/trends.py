"""How a scenario on a chain went over time: all runs that are kept, and each period against the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.judge.comparison.changes import Trend
from harness.quantities import listed, plural
from harness.report.comparison import ComparedCell, moved
from harness.store.index_entry import Entry

ANSWERS = {Trend.WORSE: "worse", Trend.BETTER: "better", Trend.UNKNOWN: "no evidence"}
_NAMED_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The last hours or days, against as many before them.

    Attributes:
        name: `7 days`.
        runs: Entries of the runs in it, newest first.
        before: Entries of the runs in the period before.
        cell: What changed from those to these.
    """

    name: str
    runs: tuple[Entry, ...]
    before: tuple[Entry, ...]
    cell: ComparedCell

    @property
    def answer(self) -> Trend:
        """Whether it is worse or better; `unknown` where there is no evidence of either."""
        return self.cell.comparison.answer if self.cell.comparison else Trend.UNKNOWN

    @property
    def why(self) -> str:
        """What the answer rests on, in a sentence."""
        comparison = self.cell.comparison
        if not self.runs or not self.before:
            empty = f"in the last {self.name}" if not self.runs else f"in the {self.name} before"
            return f"There is no run {empty}."
        if comparison is None:
            return f"There is {self.cell.note}."
        if self.answer is not Trend.UNKNOWN:
            found = moved(comparison, self.answer)
            more = f", and {len(found) - _NAMED_MAX} more" if len(found) > _NAMED_MAX else ""
            return f"{'; '.join(found[:_NAMED_MAX])}{more}."
        pairs = f"{plural(comparison.pairs, 'pair')} of runs"
        if comparison.pairs < comparison.needed:
            seeds = ", each with another seed" if self.repeated else ""
            return f"{pairs}, and at least {comparison.needed} are needed{seeds}: fewer may differ by chance."
        return f"{pairs} differ by no more than chance explains, or by too little to matter."

    @property
    def repeated(self) -> bool:
        """All its runs have the same seed, so that in virtual time they are one run."""
        return len(self.runs) > 1 and len({run.seed for run in self.runs}) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """A scenario on a chain over time.

    Attributes:
        scenario: Its name.
        chain: The chain's name.
        runs: Entries of all its runs, newest first.
        periods: The last 24 hours, 7 days and 30 days.
        page: Where the index of all runs is.
        reason: Why there is no run, in a sentence; empty where there are some.
    """

    scenario: str = ""
    chain: str = ""
    runs: tuple[Entry, ...] = ()
    periods: tuple[Period, ...] = field(default=())
    reason: str = ""

    @property
    def judged(self) -> list[Entry]:
        """The runs that have numbers, oldest first."""
        return [run for run in reversed(self.runs) if run.numbers]


def passed(runs: Sequence[Entry]) -> str:
    """Return how runs ended: `5 passed, 1 failed and 2 inconclusive`."""
    names = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "": "without a verdict"}
    counts = {name: sum(run.verdict == verdict for run in runs) for verdict, name in names.items()}
    return listed([f"{count} {name}" for name, count in counts.items() if count])
