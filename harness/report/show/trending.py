"""A scenario on a chain over time."""

from __future__ import annotations

from html import escape

from harness.judge import Status
from harness.judge.comparison.changes import Trend
from harness.quantities import count, plural
from harness.report import words
from harness.report.comparison import trend_word
from harness.report.index.texts import LABELS, began, how, median, number
from harness.report.show.block import Block, nothing, section, status_cell
from harness.report.svg import inline_svg
from harness.report.table import table
from harness.report.trend_picture import NAME, change_marks, trend_figure
from harness.report.trends import ANSWERS, Period, Trends, passed
from harness.store.index_entry import Entry

_ROWS_MAX = 30
_EXAMPLE = "harness run scenarios/primary-429.yaml --engine sim"
_CLASSES = {Trend.WORSE: Status.FAIL, Trend.BETTER: Status.PASS, Trend.UNKNOWN: Status.INCONCLUSIVE}
_SHOWN = ("success_rate", "latency_p95", "fallback_overhead_p95")


def last_week(trends: Trends) -> Block:
    """Answer whether it is worse than last week: the last 7 days against the 7 days before."""
    if trends.reason:
        return Block(
            f'<h2>Trends</h2><p class="nothing">{escape(trends.reason)} A run of it: <code>{_EXAMPLE}</code></p>'
        )
    week = trends.periods[1]
    answer = ANSWERS[week.answer]
    head = f"<h2>{escape(trends.scenario)} on {escape(trends.chain)}</h2>"
    return Block(
        f'{head}<p class="summary {_CLASSES[week.answer]}">Is it worse than last week? '
        f"<strong>{answer[0].upper()}{answer[1:]}.</strong> {escape(week.why)}</p>"
    )


def trend(trends: Trends) -> Block:
    """Show success and latency of all runs over time, with each change of chain or version."""
    title = "How did it go over time?"
    if len(trends.judged) < 2:
        why = f"A trend needs two runs with numbers, and there is {plural(len(trends.judged), 'run')}."
        return nothing(NAME, title, why, shown_by=_EXAMPLE)
    reading = (
        "Each mark is a run. A dashed line is the first run after the chain's file, or the version of something that it runs "
        "with, changed. The axis of success begins at 90 % or lower."
    )
    svg = inline_svg(trend_figure(trends)).svg
    shown = f'<p class="reading">{reading}</p><div class="picture" tabindex="0">{svg}</div>'
    return section(NAME, title, shown)


def periods(trends: Trends) -> Block:
    """Show the last 24 hours, 7 days and 30 days, each against as long before."""
    if not trends.runs:
        return Block("")
    rows = [_period(period) for period in trends.periods]
    columns = ("last", "runs", "before", *(f"{LABELS[name]}, median" for name in _SHOWN), "against before", "why")
    return section("periods", "Is it worse than before?", table(columns, rows))


def kept_runs(trends: Trends) -> Block:
    """Show the newest runs, each with what changed before it."""
    if not trends.runs:
        return Block("")
    changed = {run.path: what for run, what in change_marks([*reversed(trends.runs)])}
    rows = [_run(run, changed.get(run.path, "")) for run in trends.runs[:_ROWS_MAX]]
    columns = ("result", "began (UTC)", "ran", *LABELS.values(), "changed", "folder")
    more = len(trends.runs) - len(rows)
    rest = f'<p class="nothing">{count(more)} older: <code>harness runs</code> lists all.</p>' if more else ""
    return section("runs", "Which runs are these?", table(columns, rows), rest)


def _period(period: Period) -> list[str]:
    word = ANSWERS[period.answer]
    status = _CLASSES[period.answer]
    shown = trend_word(period.answer) if period.answer is not Trend.UNKNOWN else f"{words.GLYPHS[status]} {word}"
    return [
        f'<span class="id">{escape(period.name)}</span>',
        escape(passed(period.runs) or "none"),
        escape(passed(period.before) or "none"),
        *(_medians(period, name) for name in _SHOWN),
        f'<span class="status {status}">{shown}</span>',
        escape(period.why),
    ]


def _medians(period: Period, name: str) -> str:
    now, before = (median(runs, name) for runs in (period.runs, period.before))
    return (escape(now) if now else "") + (f'<span class="ci">before {escape(before)}</span>' if before else "")


def _run(run: Entry, changed: str) -> list[str]:
    verdict = (
        status_cell(Status(run.verdict)) if run.verdict else f'<span class="status note">{escape(run.note)}</span>'
    )
    about = f'<span class="ci">{escape(run.note)}</span>' if run.verdict and run.note else ""
    return [
        verdict + about,
        escape(began(run)),
        escape(", ".join(filter(None, (how(run), run.library)))),
        *(escape(number(run, name)) for name in LABELS),
        escape(changed),
        f"<code>{escape(run.path)}</code>",
    ]
