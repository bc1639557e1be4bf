"""`reports/index.html`: what is kept, searchable, in one file. Without its script it shows the newest entries."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from harness.quantities import count, listed, plural
from harness.report.index.sparkline import sparkline
from harness.report.index.texts import LABELS, VERDICTS, began, changes, how, median, name, number, page_command
from harness.report.page import page
from harness.report.table import table
from harness.store.index_entry import Entry

SHOWN = 200
"""Entries that the page shows without its script, and the most that it shows at once."""
_POINTS_MAX = 40
_GROUPS_MAX = 300
_NOTE_MAX = 160
_WEEK_S = 7 * 24 * 3600
_PARTS = Path(__file__).parent
_Slot = tuple[str, str]
_COLUMNS: Mapping[str, tuple[_Slot, ...]] = {
    "result": (("verdict", "span"),),
    "what": (("name", "a"), ("chain", "span"), ("note", "span"), ("command", "code")),
    "began (UTC)": (("began", "span"), ("how", "span")),
    **{label: ((number_name, "span"),) for number_name, label in LABELS.items()},
    "ran with": (("library", "span"), ("harness", "span")),
}
"""What each column has, each with its tag: a row without a script, and the template that the script fills, are both made of it."""
_FIELDS = tuple(slot for slots in _COLUMNS.values() for slot, _ in slots)
_UNDER = frozenset({"chain", "note", "command", "how", "harness"})
"""What is small, below what it belongs to."""


def html(entries: Sequence[Entry], place: str, *, now_s: float) -> str:
    """Return the whole page. Names come from files: all text is escaped.

    Args:
        entries: The newest first.
        place: The folder of reports, as commands name it.
        now_s: When it is written, as Unix time: then the last 7 days end.
    """
    shown = [_texts(entry, place) for entry in entries]
    rows = "".join(_row(texts) for texts in shown[:SHOWN])
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in _COLUMNS)
    parts = [
        "<h1>What was run and found</h1>",
        f'<p>{escape(_summary(entries))} <a href="#All">All of them</a></p>',
        _scenarios([entry for entry in entries if entry.kind == "run"], now_s),
        '<h2 id="All">All of them, newest first</h2>',
        (_PARTS / "search.html").read_text(encoding="utf-8"),
        f'<p id="Found" role="status">{escape(_first(len(entries)))}</p>',
        f'<table id="Rows" class="entries"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        if entries
        else "<p>Nothing is kept yet. The first run: <code>harness run scenarios/primary-429.yaml</code></p>",
        f'<template id="Row">{_row(None)}</template>',
        f'<script type="application/json" id="Data">{_data(shown)}</script>',
        f"<script>{(_PARTS / 'search.js').read_text(encoding='utf-8')}</script>",
    ]
    return page("What was run and found", "\n".join(parts), (_PARTS / "index.css").read_text(encoding="utf-8"))


def _summary(entries: Sequence[Entry]) -> str:
    kinds = Counter(entry.kind for entry in entries)
    kept = listed(
        [plural(kinds[kind], kind) for kind in ("run", "suite", "comparison", "replay", "tuning") if kinds[kind]]
    )
    if not kept:
        return "Nothing is kept here."
    return f"{kept}; the newest began {began(entries[0])} UTC. p95: 95 of 100 are no larger than this."


def _first(size: int) -> str:
    if size <= SHOWN:
        return f"{plural(size, 'entry', 'entries')}."
    return f"The newest {count(SHOWN)} of {count(size)}. `harness runs` lists all of them."


def _scenarios(runs: Sequence[Entry], now_s: float) -> str:
    """Return a table with a line for each scenario on each chain: its newest answer, and how its numbers went."""
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for run in runs:
        groups[run.scenario, run.chain].append(run)
    if not groups:
        return ""
    anchored: set[str] = set()
    rows = []
    for (scenario, chain), found in [*groups.items()][:_GROUPS_MAX]:
        own = "" if scenario in anchored else f' id="{escape(scenario)}"'
        anchored.add(scenario)
        rows.append(_group(found, chain, f"<strong{own}>{escape(scenario)}</strong>", now_s))
    more = len(groups) - len(rows)
    columns = (
        "last result",
        "scenario",
        "passed",
        "last 7 days",
        "success",
        "latency p95",
        "last change of chain or version",
    )
    written = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d %H:%M")
    note = (
        "Each line runs from the oldest of the last 40 runs to the newest; a red dot is a run that failed, a dashed line a change. "
        f"The last 7 days end when this page was written, {written} UTC; below them are the 7 days before, each with the median."
    )
    rest = f"<p>{plural(more, 'more pair')} of scenario and chain not shown.</p>" if more else ""
    return (
        "<h2>By scenario and chain</h2>"
        f'<p class="reading">{note} Whether a difference is more than chance: the notebook <code>trends</code> answers that.</p>'
        f'<div class="groups">{table(columns, rows)}</div>{rest}'
    )


def _group(found: Sequence[Entry], chain: str, scenario: str, now_s: float) -> list[str]:
    """Return a line of a scenario on a chain.

    Args:
        found: Its runs, the newest first.
        chain: The chain's name.
        scenario: Its name, as HTML.
        now_s: When the last 7 days end.
    """
    last, runs = found[0], found[_POINTS_MAX - 1 :: -1]
    verdict = f'<span class="status {last.verdict or "note"}">{VERDICTS[last.verdict]}</span>'
    week, before = (
        [run for run in found if now_s - (weeks + 1) * _WEEK_S < run.when_s <= now_s - weeks * _WEEK_S]
        for weeks in (0, 1)
    )
    return [
        f'<a href="{_link(last)}">{verdict}</a>' if last.page else verdict,
        f'{scenario}<span class="ci">{escape(chain)}</span>',
        f'{_passed(found)}<span class="ci">last {escape(began(last))}</span>',
        f'{_in_short(week)}<span class="ci">before: {_in_short(before)}</span>' if week or before else "",
        escape(number(last, "success_rate")) + sparkline(runs, "success_rate"),
        escape(number(last, "latency_p95")) + sparkline(runs, "latency_p95"),
        _last_change(found),
    ]


def _passed(runs: Sequence[Entry]) -> str:
    judged = [run for run in runs if run.verdict]
    return f"{count(sum(run.verdict == 'pass' for run in judged))} of {count(len(judged))}"


def _in_short(runs: Sequence[Entry]) -> str:
    """Return how runs of a week ended, and their median latency."""
    p95 = median(runs, "latency_p95")
    return f"{_passed(runs)} passed" + (f", p95 {escape(p95)}" if p95 else "") if runs else "no run"


def _last_change(found: Sequence[Entry]) -> str:
    for after, before in pairwise(found):
        if what := changes(before, after):
            return f'{escape(listed(what, most=3))}<span class="ci">{escape(began(after))}</span>'
    return ""


def _texts(entry: Entry, place: str) -> dict[str, str]:
    note = entry.note if len(entry.note) <= _NOTE_MAX else entry.note[:_NOTE_MAX] + "…"
    return {
        "verdict": entry.verdict,
        "name": name(entry),
        "chain": entry.chain,
        "note": f"{note}; part of {entry.suite}" if entry.suite and note else note or entry.suite,
        "command": page_command(entry, place),
        "began": began(entry),
        "how": how(entry),
        **{number_name: number(entry, number_name) for number_name in LABELS},
        "library": entry.library,
        "harness": f"harness {entry.harness}" if entry.harness else "",
        "link": _link(entry) if entry.page else "",
    }


def _link(entry: Entry) -> str:
    return quote(f"{entry.path}/{entry.page}")


def _row(texts: Mapping[str, str] | None) -> str:
    """Return a row of the table; with no texts, the template whose slots the script fills."""
    cells = []
    for column, slots in _COLUMNS.items():
        inner = "".join(_slot(slot, tag, texts) for slot, tag in slots)
        cells.append(f'<td data-name="{escape(column)}"><div>{inner}</div></td>')
    return f"<tr>{''.join(cells)}</tr>"


def _slot(slot: str, tag: str, texts: Mapping[str, str] | None) -> str:
    classes = "status" if slot == "verdict" else f"ci {slot}" if slot in _UNDER else slot
    if texts is None:
        return f'<{tag} class="{classes}" data-slot="{slot}"></{tag}>'
    text = texts[slot]
    if slot == "verdict":
        return f'<{tag} class="{classes} {text or "note"}">{VERDICTS[text]}</{tag}>'
    link = f' href="{texts["link"]}"' if slot == "name" and texts["link"] else ""
    return f'<{tag} class="{classes}"{link}>{escape(text)}</{tag}>' if text else ""


def _data(shown: Sequence[Mapping[str, str]]) -> str:
    """Return all rows as JSON that cannot end a script; each text once, since most are written many times."""
    fields = (*_FIELDS, "link")
    known: dict[str, int] = {}
    rows = [[known.setdefault(texts[field], len(known)) for field in fields] for texts in shown]
    data = {"fields": fields, "size": SHOWN, "verdicts": VERDICTS, "texts": list(known), "rows": rows}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
