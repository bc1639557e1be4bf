"""What a notebook cell shows: one call, one block of HTML. Names and messages come from files: all text is escaped."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from harness.judge import Finding, Status
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures import Picture, pictures_of
from harness.report.summary import summary
from harness.report.svg import inline_svg
from harness.report.table import table

_IDS_MAX = 5
_COLUMNS = (
    ("success_rate", "success"),
    ("success_after_fallback", "success after fallback"),
    ("latency_p50", "latency p50"),
    ("latency_p95", "latency p95"),
    ("fallback_overhead_p50", "fallback overhead p50"),
    ("fallback_overhead_p95", "fallback overhead p95"),
    ("amplification", "attempts per request"),
    ("exposed", "exposed to a fault"),
    ("outlived", "outlived the fault"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a page."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def heading(run: JudgedRun) -> Block:
    """Show the title, the run in one sentence, and what to bear in mind."""
    status = run.verdict.status
    sentence = summary(run)
    word, _, rest = sentence.partition(" — ")
    in_tables = {row.message for row in run.verdict.expectations} | {found.message for found in run.verdict.findings}
    untold = [reason for reason in run.verdict.reasons if not any(text and text in reason for text in in_tables)]
    notes = "".join(f"<li>{escape(reason)}</li>" for reason in untold)
    return Block(
        f"<h1>{escape(run.plan.title)}</h1>"
        f'<p class="summary {status}"><strong>{words.GLYPHS[status]} {escape(word)}</strong> — {_code(rest)}</p>'
        + (f'<ul class="reasons">{notes}</ul>' if notes else "")
    )


def verdict(run: JudgedRun) -> Block:
    """Show each expectation and each finding with its answer; checks that found nothing are folded away."""
    rows = [
        [
            _status(row.status),
            f"<code>{escape(row.text)}</code>",
            _observed(row.observed, row.ci, row.unit),
            escape(words.samples(row)),
            escape(row.message if row.status is not Status.PASS else ""),
        ]
        for row in run.verdict.expectations
    ]
    expected = ("answer", "expectation", "observed", "samples", "why")
    parts = [_table("What was expected", expected, rows, empty="The scenario expects nothing.")]
    columns = ("answer", "finding", "seen in", "what was seen", "requests")
    shown = [_finding(finding) for finding in words.by_weight(run.verdict.findings)]
    passed = [_finding(finding) for finding in run.verdict.findings if finding.status is Status.PASS]
    if shown:
        parts.append(_table("How the chain conducted itself", columns, shown))
    if passed:
        title = f"{words.plural(len(passed), 'conduct check')} found nothing"
        parts.append(f"<details class='passed'><summary>{title}</summary>{_table('', columns, passed)}</details>")
    return Block("".join(parts))


def numbers(run: JudgedRun) -> Block:
    """Show the main numbers of each phase."""
    shown = [(key, name) for key, name in _COLUMNS if any(key in values for values in run.metrics.phases.values())]
    rows = []
    for phase, values in run.metrics.phases.items():
        cells = [f"<strong>{escape('whole run' if phase == 'run' else phase)}</strong>"]
        for key, _ in shown:
            value = values.get(key)
            if value is None or value.value is None:
                why = value.why if value is not None else ""
                cells.append(f'<span title="{escape(why)}">{words.MISSING}</span>' if why else words.MISSING)
            else:
                cells.append(_observed(value.value, value.ci, value.unit))
        rows.append(cells)
    return Block(
        _table(
            "Numbers by phase (95 % intervals below)",
            ("phase", *(name for _, name in shown)),
            rows,
            empty="No numbers.",
        )
    )


def pictures(run: JudgedRun, place: str) -> Block:
    """Show the pictures of one place, each under its question; where there is nothing to draw, why.

    Args:
        run: The run.
        place: `overview` or `details` of the report, or a notebook's name.
    """
    return Block("".join(_picture(run, picture) for picture in pictures_of(place)))


def _picture(run: JudgedRun, picture: Picture) -> str:
    parts = [
        f'<h2 id="{escape(picture.name)}-title">{escape(picture.question)}</h2>',
        f'<p class="reading">{escape(picture.reading)}</p>',
    ]
    if why := picture.nothing(run):
        parts.append(f'<p class="nothing">{escape(why)}</p>')
    else:
        parts.append(f'<div class="picture" tabindex="0">{inline_svg(picture.figure(run)).svg}</div>')
    return "".join(parts)


def measured(run: JudgedRun) -> Block:
    """Show how this was measured: the machine, the seed, the harness's own health, and how to do it again."""
    history = run.history
    facts: list[tuple[str, str]] = [
        ("do it again", f"<code>{escape(command(run))}</code>"),
        (
            "scenario",
            f"{escape(run.plan.name)}, seed {run.plan.seed}, {words.plural(len(run.plan.arrivals), 'planned request')}",
        ),
        (
            "chain",
            f"{escape(run.plan.chain.name)}: {escape(' → '.join(run.plan.chain.order))} ({escape(run.plan.chain.driver)})",
        ),
        ("plan digest", f"<code>{escape(run.plan.digest)}</code>"),
        (
            "records",
            f"{words.plural(len(run.requests), 'request')}, {words.plural(len(run.attempts), 'attempt')}, {words.plural(history.lost, 'record')} lost, {'complete' if history.complete else 'cut short'}",
        ),
    ]
    facts += [
        (name.replace("_", " "), escape(words.with_interval(value))) for name, value in run.metrics.harness.items()
    ]
    facts += [(key, f"<code>{escape(text)}</code>") for key, text in _flat(run.environment)]
    rows = "".join(f"<tr><th scope='row'>{escape(name)}</th><td>{cell}</td></tr>" for name, cell in facts)
    return Block(
        f"<details><summary>How this was measured</summary><div class='scroll'><table class='facts'><tbody>{rows}</tbody></table></div></details>"
    )


def command(run: JudgedRun) -> str:
    """Return the one command that makes this run again."""
    told = run.environment.get("command")
    if isinstance(told, str):
        return told
    if isinstance(told, list):
        return shlex.join(map(str, told))
    return f"harness run {shlex.quote(run.plan.name)}.yaml --seed {run.plan.seed}"


def _flat(data: Any, prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in data.items():
        name = f"{prefix}{key}"
        if name in ("command", "format"):
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{name} ")
        else:
            yield name, value if isinstance(value, str) else json.dumps(value)


def _code(text: str) -> str:
    """Return plain text as HTML, what stands between backticks as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces))


def _status(answer: Status) -> str:
    return f'<span class="status {answer}">{words.status(answer)}</span>'


def _observed(value: float | None, ci: Any, unit: str) -> str:
    text = escape(words.amount(value, unit))
    around = words.interval(ci, unit)
    return f'{text}<span class="ci">{escape(around)}</span>' if around else text


def _finding(finding: Finding) -> list[str]:
    ids = "".join(f"<code class='id'>{escape(name)}</code> " for name in finding.requests[:_IDS_MAX])
    more = len(finding.requests) - _IDS_MAX
    return [
        f'<span class="status {"note" if words.noted(finding) else finding.status}">{words.finding(finding)}</span><span class="ci">{"" if finding.severity == "required" else escape(finding.severity)}</span>',
        f"<code>{escape(finding.id)}</code>",
        escape(f"{words.count(finding.count)} of {words.count(finding.samples)}"),
        escape(finding.message),
        ids + (f"and {words.count(more)} more" if more > 0 else ""),
    ]


def _table(caption: str, columns: tuple[str, ...], rows: list[list[str]], *, empty: str = "") -> str:
    """Return a table of cells that are HTML already, or what is said where it has no rows."""
    if not rows:
        return f"<p>{escape(empty)}</p>"
    return table(columns, rows, caption=caption)
