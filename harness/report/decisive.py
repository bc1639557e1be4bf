"""What decided a verdict that is no pass: what the first screen and the terminal explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from harness.judge import ExpectationResult, Status, Verdict
from harness.judge.findings import is_harm
from harness.report import words


class Decisive(NamedTuple):
    """One reason for a verdict. Plain text, with code between backticks.

    Attributes:
        name: In words.
        what: What was observed; empty where the name is all.
        remedy: What usually ends it, or what would give an answer; empty where nothing general is known.
        meaning: When a finding is shown; empty for all else.
    """

    name: str
    what: str
    remedy: str
    meaning: str = ""


def decisive(verdict: Verdict) -> list[Decisive]:
    """Return what decided a verdict, the worst first; nothing for a pass.

    A run that failed: the findings that fail it (those that deceive callers first), the expectations that were not met,
    and how it ended if that failed it. One that gives no answer: what was wrong with the run, and the expectations that are open.
    """
    if verdict.status is Status.PASS:
        return []
    ailing = [Decisive(each.what, "", each.remedy) for each in verdict.ailments]
    if verdict.status is Status.INCONCLUSIVE:
        return ailing + [_open(row) for row in verdict.expectations if row.status is Status.INCONCLUSIVE and row.remedy]
    rows = [row for row in verdict.expectations if row.status is Status.FAIL]
    forbidden = {row.metric for row in rows if words.forbids(row)}
    found = [
        each
        for each in verdict.findings
        if each.status is Status.FAIL and (each.severity == "required" or each.id in forbidden)
    ]
    found.sort(key=lambda each: not is_harm(each.id))
    failed = [
        Decisive(words.finding_name(each.id), each.message, each.remedy, words.finding_meaning(each.id))
        for each in found
    ]
    failed += [Decisive(words.unmet(row), "", row.remedy) for row in rows if not words.forbids(row)]
    return failed or ailing


def remedies(found: Sequence[Decisive]) -> dict[str, list[str]]:
    """Return each remedy once, with the names of what it is for, the worst first."""
    by_remedy: dict[str, list[str]] = {}
    for each in found:
        if each.remedy:
            by_remedy.setdefault(each.remedy, []).append(each.name)
    return by_remedy


def _open(row: ExpectationResult) -> Decisive:
    return Decisive(f"`{row.text}`", row.message, row.remedy)
