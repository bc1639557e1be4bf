"""What a notebook cell shows: one call, one block of HTML. Names and messages come from files: all text is escaped."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from harness import quantities
from harness.judge import RUN, ExpectationResult, Finding, Status, Value
from harness.judge.metrics import METRICS, key
from harness.judge.tables.fallbacks import RESULTS
from harness.report import glossary as terms
from harness.report import words
from harness.report.glossary import explained
from harness.report.judged_run import JudgedRun
from harness.report.pictures import Picture, pictures_of
from harness.report.pictures.picture import unseen
from harness.report.summary import summary
from harness.report.svg import inline_svg
from harness.report.table import table

_IDS_MAX = 5
_FIRST = ("success_rate", "success_after_fallback", "latency", "fallback_overhead", "amplification")
"""The metrics that the table of numbers begins with; any others that it shows follow."""
_STEPS_MAX = 20
_OF_FALLBACKS = {
    "trigger": (
        "The failure after which another provider was tried: its class and status. Skipped: the request began there. Hedge: "
        "the attempt before was still open. Answered: the attempt before had succeeded."
    ),
    "unused": "It had an answer, or was still waiting for one, when another provider's answer was used.",
    "median wait": "From the end of the failed attempt to the start of the next one.",
}
_STATISTICS = {
    "": "",
    "p50": " Half of them are no larger than this.",
    "p95": " 95 of 100 are no larger than this.",
}
"""What a column's statistic means, after what its metric means."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a page."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def heading(run: JudgedRun) -> Block:
    """Show the title, the run in one sentence, and the reasons that no table below gives."""
    status = run.verdict.status
    sentence = summary(run)
    word, _, rest = sentence.partition(" — ")
    notes = "".join(f"<li>{escape(reason)}</li>" for reason in words.other_reasons(run.verdict, expectations=True))
    return Block(
        f"<h1>{escape(run.plan.title)}</h1>"
        f'<p class="summary {status}"><strong>{words.GLYPHS[status]} {escape(word)}</strong> — {_code(rest)}</p>'
        + (f'<ul class="reasons">{notes}</ul>' if notes else "")
    )


def verdict(run: JudgedRun) -> Block:
    """Show each expectation and each finding with its answer; checks that passed are folded up."""
    expected = [_expectation(row) for row in run.verdict.expectations]
    parts = [
        table(("result", "expectation", "observed", "samples", "why"), expected, caption="What was expected")
        if expected
        else "<p>The scenario expects nothing.</p>"
    ]
    columns = ("result", "behaviour", "affected", "what was observed", "requests")
    shown = [_finding(finding) for finding in words.by_weight(run.verdict.findings)]
    passed = [_finding(finding) for finding in run.verdict.findings if finding.status is Status.PASS]
    if shown:
        parts.append(table(columns, shown, caption="Chain behaviour"))
    if passed:
        title = f"{quantities.plural(len(passed), 'behaviour check')} passed"
        parts.append(f"<details class='passed'><summary>{title}</summary>{table(columns, passed)}</details>")
    return Block("".join(parts))


def _expectation(row: ExpectationResult) -> list[str]:
    return [
        _status(row.status),
        f"<code>{_metrics_explained(row.text)}</code>",
        _with_interval(words.observed(row), words.around(row)),
        escape(words.samples(row)),
        escape(row.message if row.status is not Status.PASS else ""),
    ]


def _finding(finding: Finding) -> list[str]:
    ids = "".join(f"<code class='id'>{escape(name)}</code> " for name in finding.requests[:_IDS_MAX])
    more = len(finding.requests) - _IDS_MAX
    answer = "note" if words.noted(finding) else finding.status
    meaning = words.finding_meaning(finding.id)
    name = words.finding_name(finding.id)
    shown = finding.status is not Status.PASS
    name = explained(name, meaning) if meaning and shown else escape(name)
    severity = "" if finding.severity == "required" else escape(finding.severity)
    return [
        f'<span class="status {answer}">{words.finding(finding)}</span><span class="ci">{severity}</span>',
        f'{name}<code class="ci">{escape(finding.id)}</code>',
        escape(f"{quantities.count(finding.count)} of {quantities.count(finding.samples)}"),
        escape(finding.message),
        ids + (f"and {quantities.count(more)} more" if more > 0 else ""),
    ]


def numbers(run: JudgedRun) -> Block:
    """Show the main numbers of each phase; where there are several kinds of request, those of each, and who served them."""
    columns = _columns()
    names, meanings = [name for name, _ in columns.values()], dict(columns.values())
    caption = "Numbers by phase, with 95 % intervals"
    shown = table(("phase", *names), _phases(run.metrics.phases), caption=caption, meanings=meanings)
    if run.metrics.kinds:
        rows = [[escape(kind), *row] for kind, phases in run.metrics.kinds.items() for row in _phases(phases)]
        caption = "Numbers by kind of request, with 95 % intervals"
        shown += table(("kind", "phase", *names), rows, caption=caption, meanings=meanings) + _served_by_kind(run)
    return Block(shown)


def _phases(phases: Mapping[str, Mapping[str, Value]]) -> list[list[str]]:
    """Return a row of the table of numbers for each phase."""
    rows = []
    for phase, values in phases.items():
        success = values.get("success_rate")
        # A phase without requests has no number at all: why is not left to a tooltip.
        note = f'<span class="ci">{escape(success.why)}</span>' if success is not None and success.why else ""
        name = f"<strong>{escape('whole run' if phase == RUN else phase)}</strong>{note}"
        rows.append([name, *(_number(values.get(number)) for number in _columns())])
    return rows


def _served_by_kind(run: JudgedRun) -> str:
    """Return a table of who served how many requests of each kind."""
    journeys, names = run.journeys, run.plan.chain.names
    rows = []
    for kind in run.metrics.kinds:
        own = journeys[journeys["kind"] == kind]
        done = own[own["complete"].astype(bool)]
        served = done["served_by"].astype(object).value_counts()
        counts = [len(own), *(int(served.get(name, 0)) for name in names), len(own) - len(done)]
        rows.append([escape(kind), *(quantities.count(count) if count else "" for count in counts)])
    columns = ("kind", "requests", *(f"served by {name}" for name in names), "without a complete answer")
    return table(columns, rows, caption="Who served each kind of request")


def fallbacks(run: JudgedRun) -> Block:
    """Show which provider took over from which, what triggered it, and how it ended; or why there is nothing to show."""
    head = "<h2>Why were other providers tried?</h2>"
    if why := unseen(run) or ("" if len(run.fallbacks) else "No request went from one provider to another."):
        return Block(f'{head}<p class="nothing">{escape(why)}</p>')
    keys = ["from_provider", "to_provider", "trigger", "status"]
    groups = [*run.fallbacks.groupby(keys, observed=True, dropna=False)]
    groups.sort(key=lambda each: -len(each[1]))
    rows = [_fallback(key, steps) for key, steps in groups[:_STEPS_MAX]]
    more = len(groups) - len(rows)
    rest = f'<p class="nothing">{quantities.plural(more, "rarer kind")} of step not shown</p>' if more else ""
    columns = ("from", "to", "trigger", "fallbacks", *RESULTS, "median wait")
    return Block(head + table(columns, rows, caption="Fallbacks", meanings=_OF_FALLBACKS) + rest)


def _fallback(key: tuple[str, str, str, Any], steps: pd.DataFrame) -> list[str]:
    left, right, trigger, status = key
    ended = steps["result"].value_counts()
    waits_ns = steps["wait_ns"].dropna()
    return [
        escape(left),
        escape(right),
        escape(trigger if pd.isna(status) else f"{trigger} {status}"),
        quantities.count(len(steps)),
        *(quantities.count(int(ended[result])) if ended[result] else "" for result in RESULTS),
        quantities.duration(float(waits_ns.median())) if len(waits_ns) else "",
    ]


def _columns() -> dict[str, tuple[str, str]]:
    """Return the columns of the table of numbers: what each is called and means, by its name in metrics.json."""
    shown = [metric for metric in METRICS.values() if metric.shown]
    shown.sort(key=lambda metric: _FIRST.index(metric.name) if metric.name in _FIRST else len(_FIRST))
    return {
        key(metric.name, part): (f"{metric.label} {part}".strip(), metric.meaning + _STATISTICS[part])
        for metric in shown
        for part in metric.shown
    }


def _number(value: Value | None) -> str:
    if value is None or value.value is None:
        why = value.why if value is not None else ""
        return f'<span title="{escape(why)}">{quantities.MISSING}</span>' if why else quantities.MISSING
    return _with_interval(quantities.amount(value.value, value.unit), quantities.interval(value.ci, value.unit))


def pictures(run: JudgedRun, place: str) -> Block:
    """Show the pictures of one place, each under its question; where there is nothing to draw, why.

    Args:
        run: The run.
        place: `overview` or `details` of the report, or a notebook's name.
    """
    return Block("".join(_picture(run, picture) for picture in pictures_of(place)))


def _picture(run: JudgedRun, picture: Picture) -> str:
    head = f'<h2 id="{escape(picture.name)}-title">{escape(picture.question)}</h2>'
    if why := picture.nothing(run):
        return f'{head}<p class="nothing">{escape(why)}</p>'
    svg = inline_svg(picture.figure(run)).svg
    return f'{head}<p class="reading">{escape(picture.reading)}</p><div class="picture" tabindex="0">{svg}</div>'


def measured(run: JudgedRun) -> Block:
    """Show how this was measured: the command that repeats it, the machine, and the harness's own health."""
    history, plan = run.history, run.plan
    records = [
        quantities.plural(len(run.requests), "request"),
        quantities.plural(len(run.attempts), "attempt"),
        f"{quantities.plural(history.lost, 'record')} lost",
        "complete" if history.complete else "cut short",
    ]
    facts: list[tuple[str, str]] = [
        ("repeat with", f"<code>{escape(command(run))}</code>"),
        ("scenario", f"{escape(plan.name)}, {quantities.plural(len(plan.arrivals), 'planned request')}"),
        (explained("seed"), str(plan.seed)),
        ("chain", f"{escape(plan.chain.name)}: {escape(plan.chain.drawn)} ({escape(plan.chain.driver)})"),
        (explained("plan digest"), f"<code>{escape(plan.digest)}</code>"),
        ("records", ", ".join(records)),
    ]
    facts += [(_health(name), escape(words.with_interval(value))) for name, value in run.metrics.harness.items()]
    facts += [(escape(name), f"<code>{escape(shown)}</code>") for name, shown in _flat(run.environment)]
    rows = "".join(f"<tr><th scope='row'>{name}</th><td>{cell}</td></tr>" for name, cell in facts)
    return Block(
        "<details><summary>How this was measured</summary>"
        f"<div class='scroll'><table class='facts'><tbody>{rows}</tbody></table></div></details>"
    )


def _health(name: str) -> str:
    """Return the name of a number of the harness's own health, with the term in it that explains itself."""
    text = name.replace("_", " ")
    term = next((term for term in terms.TERMS if text == term or text.startswith(f"{term} ")), "")
    return explained(term) + escape(text.removeprefix(term)) if term else escape(text)


def glossary(run: JudgedRun) -> Block:
    """Show what the words mean that the other blocks explain on hover only."""
    return Block(
        terms.definitions("".join(block(run).html for block in (heading, verdict, numbers, fallbacks, measured)))
    )


def command(run: JudgedRun) -> str:
    """Return the one command that repeats this run."""
    recorded = run.environment.get("command")
    if isinstance(recorded, str):
        return recorded
    if isinstance(recorded, list):
        return shlex.join(map(str, recorded))
    return f"harness run {shlex.quote(run.plan.name)}.yaml --seed {run.plan.seed}"


def _flat(data: Any, prefix: str = "") -> Iterable[tuple[str, str]]:
    for field, value in data.items():
        name = f"{prefix}{field}"
        if name in ("command", "format"):
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{name} ")
        else:
            yield name, value if isinstance(value, str) else json.dumps(value)


def _code(text: str) -> str:
    """Return plain text as HTML, with what is between backticks as code."""
    pieces = text.split("`")
    return "".join(
        f"<code>{_metrics_explained(piece)}</code>" if place % 2 else escape(piece)
        for place, piece in enumerate(pieces)
    )


def _metrics_explained(text: str) -> str:
    """Return an expectation as HTML, its metric with an explanation."""
    return "".join(
        explained(word, METRICS[word].meaning) if word in METRICS else escape(word)
        for word in re.split(r"([a-z_]+)", text)
    )


def _status(answer: Status) -> str:
    return f'<span class="status {answer}">{words.status(answer)}</span>'


def _with_interval(observed: str, around: str) -> str:
    """Return a number as HTML, its interval below it."""
    return escape(observed) + (f'<span class="ci">{escape(around)}</span>' if around else "")
