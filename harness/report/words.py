"""Answers, findings and names as a person would write them. Plain text: escaping is the business of whoever prints it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.judge.result import ExpectationResult, Finding, Status, Value
from harness.quantities import MISSING, amount, count, duration, interval, plural, share

__all__ = [
    "GLYPHS",
    "MISSING",
    "WORDS",
    "amount",
    "by_weight",
    "count",
    "duration",
    "finding",
    "interval",
    "listed",
    "noted",
    "plural",
    "samples",
    "share",
    "shortened",
    "status",
    "with_interval",
]

GLYPHS = {Status.PASS: "✓", Status.FAIL: "✗", Status.INCONCLUSIVE: "?"}
WORDS = {Status.PASS: "PASS", Status.FAIL: "FAIL", Status.INCONCLUSIVE: "INCONCLUSIVE"}


def with_interval(value: Value | None) -> str:
    """Return a metric as `98.6 % (97.2 % – 99.3 %, n = 402)`."""
    if value is None or value.value is None:
        return MISSING
    inner = [part for part in (interval(value.ci, value.unit), f"n = {count(value.samples)}") if part]
    return f"{amount(value.value, value.unit)} ({', '.join(inner)})"


def status(answer: Status) -> str:
    """Return a glyph and a word, so that no reader depends on a colour."""
    return f"{GLYPHS[answer]} {WORDS[answer]}"


def finding(found: Finding) -> str:
    """Return a finding's glyph and word: an advisory one that was seen is a note, since it fails nothing."""
    return "! NOTE" if noted(found) else status(found.status)


def noted(found: Finding) -> bool:
    """Say whether a finding was seen and yet fails nothing."""
    return found.severity == "advisory" and found.status is Status.FAIL


def samples(row: ExpectationResult) -> str:
    """Return the samples of an expectation, and how many it would have needed."""
    needed = f" of {count(row.needed)} needed" if row.needed and row.needed > row.samples else ""
    return f"{count(row.samples)}{needed}"


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that found something or could not tell: failed ones first, required ones first."""
    found = [finding for finding in findings if finding.status is not Status.PASS]
    return sorted(found, key=lambda finding: (finding.status is not Status.FAIL, finding.severity != "required"))


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return `a, b and c`; `a, b, … (12 in all)` where there are more than `most`."""
    if len(names) > most:
        return f"{', '.join(names[:most])}, … ({count(len(names))} in all)"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def shortened(name: str, most: int = 28) -> str:
    """Return a name that fits a picture: the middle of a long one gives way."""
    if len(name) <= most:
        return name
    tail = (most - 1) // 3
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"
