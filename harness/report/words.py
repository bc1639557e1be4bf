"""Answers, findings and names as a person would write them. Plain text: the code that prints it escapes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness import quantities
from harness.judge.findings import FINDINGS
from harness.judge.metrics import METRICS, STATISTICS
from harness.judge.result import ExpectationResult, Finding, Status, Value, Verdict

_LIMIT = re.compile(r"(?P<what>.+?)\s*(?P<op><=|>=|<|>)\s*(?P<limit>.+)")
_BOUNDS = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}
GLYPHS = {Status.PASS: "✓", Status.FAIL: "✗", Status.INCONCLUSIVE: "?"}
WORDS = {Status.PASS: "PASS", Status.FAIL: "FAIL", Status.INCONCLUSIVE: "INCONCLUSIVE"}


def with_interval(value: Value | None) -> str:
    """Return a metric as `98.6 % (97.2 % – 99.3 %, n = 402)`."""
    if value is None or value.value is None:
        return quantities.MISSING
    inner = [
        part for part in (quantities.interval(value.ci, value.unit), f"n = {quantities.count(value.samples)}") if part
    ]
    return f"{quantities.amount(value.value, value.unit)} ({', '.join(inner)})"


def status(answer: Status) -> str:
    """Return a glyph and a word: no reader has to tell colours apart."""
    return f"{GLYPHS[answer]} {WORDS[answer]}"


def finding(found: Finding) -> str:
    """Return a finding's glyph and word: an advisory one that was observed is a note, since it fails nothing."""
    return "! NOTE" if noted(found) else status(found.status)


def noted(found: Finding) -> bool:
    """Return whether a finding was observed and yet fails nothing."""
    return found.severity == "advisory" and found.status is Status.FAIL


def counted(found: Finding, verdict: Verdict) -> str:
    """Return in words whether a finding that did not pass counts in the verdict."""
    if any(forbids(row) and row.metric == found.id for row in verdict.expectations):
        return "counts: expected not to be seen"
    if found.severity == "run":
        return "leaves the run undecided" if found.count else "does not count"
    if found.status is Status.FAIL and found.severity == "required":
        return "counts: fails the run"
    return "does not count"


def unmet(row: ExpectationResult) -> str:
    """Return in words what was expected, and what there was: `success in fault was 0 %, at least 95 % was expected`."""
    asked = _LIMIT.fullmatch(row.text)
    if asked is None or row.metric not in METRICS:
        return row.text
    head = asked["what"].split()
    statistic = "".join(f"{word} " for word in head[:1] if word in STATISTICS)
    argument = "".join(re.findall(r"\([^()]*\)", asked["what"])[:1])
    where = f" in phase `{row.phase}`" if row.phase else ""
    whose = f" of `{row.kind}` requests" if row.kind else ""
    value = "had no value" if row.observed is None else f"was {observed(row)}"
    limit = f"{_BOUNDS[asked['op']]} {asked['limit']}"
    return f"{statistic}{METRICS[row.metric].label}{argument}{whose}{where} {value}; expected: {limit}"


def observed(row: ExpectationResult) -> str:
    """Return what was observed, with as many digits as show on which side of the limit it is."""
    return quantities.amount(row.observed, row.unit, limit=row.limit)


def around(row: ExpectationResult) -> str:
    """Return the 95 % interval of what was observed; empty where it has none."""
    return quantities.interval(row.ci, row.unit, limit=row.limit)


def samples(row: ExpectationResult) -> str:
    """Return the samples of an expectation, and how many would have been enough."""
    needed = f", at least {quantities.count(row.needed)} needed" if row.needed and row.needed > row.samples else ""
    return f"{quantities.count(row.samples)}{needed}"


def finding_name(finding_id: str) -> str:
    """Return what a finding is called in words; of a plugin that is not installed here, its id in words."""
    return FINDINGS[finding_id].name if finding_id in FINDINGS else finding_id.replace("_", " ")


def finding_meaning(finding_id: str) -> str:
    """Return when a finding is shown, in sentences; empty for a plugin that is not installed here."""
    return FINDINGS[finding_id].meaning if finding_id in FINDINGS else ""


def forbids(row: ExpectationResult) -> bool:
    """Return whether an expectation is `no FINDING`."""
    return row.text.split()[:1] == ["no"]


def other_reasons(verdict: Verdict, *, expectations: bool = False) -> list[str]:
    """Return the verdict's reasons that its findings do not give.

    Args:
        verdict: The verdict.
        expectations: Leave out what the expectations give, too.
    """
    given = [finding.message for finding in by_weight(verdict.findings)]
    given += [row.message for row in verdict.expectations if expectations]
    return [reason for reason in verdict.reasons if not any(message and message in reason for message in given)]


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that were observed or could not be decided: failed ones first, required ones first."""
    found = [finding for finding in findings if finding.status is not Status.PASS]
    return sorted(found, key=lambda finding: (finding.status is not Status.FAIL, finding.severity != "required"))


def shortened(name: str, most: int = 28) -> str:
    """Return a name that fits a picture: a long one loses its middle."""
    if len(name) <= most:
        return name
    tail = (most - 1) // 3
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"
