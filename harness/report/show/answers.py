"""Each expectation and each finding with its answer."""

from __future__ import annotations

from html import escape

from harness import quantities
from harness.judge import ExpectationResult, Finding, Status
from harness.report import words
from harness.report.glossary import explained
from harness.report.judged_run import JudgedRun
from harness.report.show.block import Block, metrics_explained, status_cell, with_interval
from harness.report.show.measured import measured
from harness.report.table import table

_IDS_MAX = 5
_EXPECTED = "What was expected: each line counts"


def verdict(run: JudgedRun) -> Block:
    """Show each expectation and each finding with its answer; checks that passed are folded up."""
    expected = [_expectation(row) for row in run.verdict.expectations]
    parts = [
        table(("result", "expectation", "observed", "samples", "why"), expected, caption=_EXPECTED)
        if expected
        else "<p>The scenario expects nothing.</p>"
    ]
    columns = ("result", "behaviour", "affected", "what was observed", "requests")
    shown = [_finding(finding, run) for finding in words.by_weight(run.verdict.findings)]
    passed = [_finding(finding, run) for finding in run.verdict.findings if finding.status is Status.PASS]
    if shown:
        parts.append(table(columns, shown, caption="Chain behaviour"))
    if passed:
        title = f"{quantities.plural(len(passed), 'behaviour check')} passed"
        parts.append(f"<details class='passed'><summary>{title}</summary>{table(columns, passed)}</details>")
    return Block(f'<section id="expectations">{"".join(parts)}</section>{measured(run)}')


def _expectation(row: ExpectationResult) -> list[str]:
    return [
        status_cell(row.status),
        f"<code>{metrics_explained(row.text)}</code>",
        with_interval(words.observed(row), words.around(row)),
        escape(words.samples(row)),
        escape(row.message if row.status is not Status.PASS else ""),
    ]


def _finding(finding: Finding, run: JudgedRun) -> list[str]:
    ids = "".join(f"<code class='id'>{escape(name)}</code> " for name in finding.requests[:_IDS_MAX])
    more = len(finding.requests) - _IDS_MAX
    answer = "note" if words.noted(finding) else finding.status
    meaning = words.finding_meaning(finding.id)
    name = words.finding_name(finding.id)
    shown = finding.status is not Status.PASS
    name = explained(name, meaning) if meaning and shown else escape(name)
    counted = words.counted(finding, run.verdict) if shown else ""
    return [
        f'<span class="status {answer}">{words.finding(finding)}</span><span class="counted">{escape(counted)}</span>',
        f'{name}<code class="ci">{escape(finding.id)}</code>',
        escape(f"{quantities.count(finding.count)} of {quantities.count(finding.samples)}"),
        escape(finding.message),
        ids + (f"and {quantities.count(more)} more" if more > 0 else ""),
    ]
