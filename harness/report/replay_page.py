"""The page of a replay: what real outages would have cost, when they were, and what hurt most."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from html import escape
from pathlib import Path

from harness import quantities
from harness.errors import ExitCode
from harness.incident.outage import PlayedOutage, Replayed, UncertainNumber
from harness.report.page import page
from harness.report.replay import ends, exit_code, hurt, load_words, missed_sentence, slo_sentence, summary
from harness.report.table import table

STYLE = (Path(__file__).parent / "template" / "outages.css").read_text(encoding="utf-8")
_TOLD = 5
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEFT, _CELL, _ROW, _HEAD = 70, 60, 46, 30
_DOT = 15
_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|min|h)(?!\w))| (?=– )")
_MINUS = "\N{MINUS SIGN}"
_CODE = re.compile(r"`([^`]+)`")
_MEANINGS = {
    "unserved": "For how long callers went unserved: each minute counts by the share of its requests that got no complete answer. The "
    "thick part of the bar is what is not known about the incident, the thin part what its sample leaves open.",
    "lost": "Requests without a complete answer, of all from the incident's start until the chain has settled after it.",
    "later": "How much longer an answered request took than before the incident, on average.",
    "dearer": "How much more all requests cost than they would have before it.",
    "at the broken": "Attempts at a provider while it was hit.",
}


def replay_page(replayed: Replayed, slo: float | None) -> str:
    """Return the whole page. Titles come from files: all text is escaped.

    Args:
        replayed: What was played.
        slo: Share of the requests that had to be served; None if nothing was asked for.
    """
    title = f"{replayed.chain.name} in {len(replayed.outages)} real outages"
    parts = [f"<h1>{escape(title)}</h1>", _answer(replayed, slo), _facts(replayed)]
    if replayed.played:
        parts += ['<section id="hurt"><h2>What hurt most</h2>', _hurt(replayed), "</section>"]
    if replayed.outages or replayed.missed_at:
        parts += ['<section id="calendar"><h2>When they were</h2>', _calendar(replayed), "</section>"]
    if replayed.outages:
        parts += ['<section id="incidents"><h2>Each of them</h2>', _table(replayed), "</section>"]
    if replayed.missed:
        parts += ['<details id="left-out"><summary>Left out</summary><ul>']
        parts += [f"<li>{escape(name)}: {escape(_reason(why))}</li>" for name, why in sorted(replayed.missed.items())]
        parts.append("</ul></details>")
    return page(title, _unbroken("\n".join(parts)), STYLE)


def _unbroken(text: str) -> str:
    """Return a text whose lines do not break between a number and its unit, nor before a dash."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def _title(text: str) -> str:
    """Return an incident's title as HTML: what it has between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _hurt(replayed: Replayed) -> str:
    told = [outage for outage in replayed.played if outage.unserved_ns.high > 0][:_TOLD]
    if not told:
        return "<p>Nothing: every request that was played was served. What the samples leave open is in the table.</p>"
    said = (f"<li><strong>{_title(each.title)}</strong>. {escape(hurt(each))}</li>" for each in told)
    return f"<ol>{''.join(said)}</ol>"


def _reason(why: str) -> str:
    """Return a reason that follows a number as one that stands alone."""
    return why.removeprefix("that ")


def _answer(replayed: Replayed, slo: float | None) -> str:
    said = summary(replayed)
    status = "inconclusive"
    if slo is not None:
        status = {ExitCode.PASS: "pass", ExitCode.FAIL: "fail"}.get(exit_code(replayed, slo), "inconclusive")
        kept = slo_sentence(replayed, slo)
        said += f". {kept[0].upper()}{kept[1:]}"
    said = said[0].upper() + said[1:]
    return f'<p class="summary {status}"><strong>{escape(said)}.</strong></p>'


def _facts(replayed: Replayed) -> str:
    library = replayed.chain.driver + (f", LiteLLM {replayed.version}" if replayed.version else "")
    played = sum(outage.variants for outage in replayed.outages)
    ways = (
        "both ends of what is not known about each, each failure that it may have been, with and without a Retry-After"
    )
    if replayed.live:
        ways = "the high end of what is not known about each, the first failure that it may have been, without a Retry-After"
    rows = {
        "chain": replayed.chain.drawn,
        "hosted by": f"{library}; {'live' if replayed.live else '<strong>simulated</strong> in virtual time'}, providers mocked",
        "load": load_words(replayed),
        "played": f"{quantities.plural(len(replayed.outages), 'incident')} in {quantities.plural(played, 'way')}: {ways}",
    }
    if replayed.missed:
        rows["not in the sum"] = missed_sentence(replayed.missed).removeprefix("left out, and not in the sum: ")
    cells = "".join(
        f"<dt>{name}</dt><dd>{text if name == 'hosted by' else escape(text)}</dd>" for name, text in rows.items()
    )
    note = (
        "The low end of the sum takes every incident at its best, the high end every one at its worst; what the samples leave open is added as of independent errors (95 %). It is over these incidents, and "
        "no forecast."
    )
    return f'<div class="opening"><dl>{cells}</dl><p class="reading">{note}</p></div>'


def _calendar(replayed: Replayed) -> str:
    """Return the years as lines and the months as columns, each incident at its day: the fuller, the more went unserved."""
    years = [each.start.year for each in replayed.outages] + [at.year for at in replayed.missed_at.values()]
    first, last = min(years), max(years)
    width, height = _LEFT + 12 * _CELL, _HEAD + (last - first + 1) * _ROW
    marks = [
        *(
            f'<text x="{_LEFT + (month + 0.5) * _CELL:g}" y="20" text-anchor="middle">{name}</text>'
            for month, name in enumerate(_MONTHS)
        ),
        *(
            f'<text x="0" y="{_HEAD + (year - first + 0.5) * _ROW + 6:g}">{year}</text>'
            f'<line x1="{_LEFT}" x2="{width}" y1="{_HEAD + (year - first) * _ROW:g}" y2="{_HEAD + (year - first) * _ROW:g}"/>'
            for year in range(first, last + 1)
        ),
        *_left_out_marks(replayed, first),
        *(_mark(each, first) for each in reversed(replayed.played)),
    ]
    label = "Incidents by year and month; the table below has the same."
    keys = {
        "lost": "callers went unserved: the larger, the longer in the worst case",
        "open": "every request that was played was served, but the sample leaves some open",
        "kept": "every request was served",
        "out": "left out",
    }
    legend = "".join(f'<li><span class="key {kind}"></span> {text}</li>' for kind, text in keys.items())
    return (
        f'<div class="picture" tabindex="0"><svg class="calendar" role="img" aria-label="{label}" viewBox="0 0 {width} {height}">'
        f'{"".join(marks)}</svg></div><ul class="legend">{legend}</ul>'
        '<p class="reading">Point at a mark for its name.</p>'
    )


def _left_out_marks(replayed: Replayed, first: int) -> Iterator[str]:
    left = [(name, at, _reason(replayed.missed[name])) for name, at in replayed.missed_at.items()]
    left += [(each.title, each.start, "could not be played") for each in replayed.outages if not each.variants]
    for name, at, why in left:
        x, y = _place(at, first)
        yield (
            f'<g class="out"><title>{escape(name)}: {escape(why)}</title>'
            f'<path d="M{x - 4:g} {y - 4:g}l8 8m0 -8l-8 8"/></g>'
        )


def _mark(outage: PlayedOutage, first: int) -> str:
    x, y = _place(outage.start, first)
    hours = outage.unserved_ns.high / 3600e9
    radius = 6 if outage.unserved_ns.most == 0 else min(5 + 5 * hours**0.5, _DOT)
    kind = "kept" if outage.unserved_ns.most == 0 else "lost" if outage.unserved_ns.high > 0 else "open"
    said = f"{outage.title}, {outage.start:%Y-%m-%d}: unserved {ends(outage.unserved_ns, 'ns')}"
    return f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="{radius:.3g}"><title>{escape(said)}</title></circle>'


def _place(at: datetime, first: int) -> tuple[float, float]:
    """Return where a day is."""
    return _LEFT + (at.month - 1 + (at.day - 0.5) / 31) * _CELL, _HEAD + (at.year - first + 0.5) * _ROW


def _table(replayed: Replayed) -> str:
    most = max((outage.unserved_ns.most for outage in replayed.played), default=0.0)
    rows = [
        [
            f"{_title(outage.title)}<span class='ci'>{outage.start:%Y-%m-%d}, {quantities.duration(outage.length_ns)}; "
            f"{escape(', '.join(outage.hit))}; {escape(', '.join(outage.names))}</span>"
            + "".join(f'<span class="status fail">{escape(error)}</span>' for error in outage.errors),
            band(outage.unserved_ns, most) + _cell(outage.unserved_ns, "ns"),
            _cell(outage.lost.times(1 / max(outage.requests, 1.0)), "share"),
            _cell(outage.late_ns, "ns"),
            _cell(outage.cost_usd, "usd"),
            _cell(outage.attempts, "count"),
        ]
        for outage in replayed.outages
    ]
    columns = ("incident", "unserved", "lost", "later", "dearer", "at the broken")
    return table(columns, rows, meanings=_MEANINGS)


def _cell(value: UncertainNumber, unit: str) -> str:
    """Return a number with both ends, and below them what a sample leaves open."""
    shown, _, beyond = ends(value, unit).replace("-", _MINUS).partition(" (")
    joint = " to " if _MINUS in shown else " – "  # a minus and a dash look alike
    shown = joint.join(f"<span>{escape(end)}</span>" for end in shown.split(" – "))
    return f'<span class="ends">{shown}</span>' + (
        f'<span class="ci">{escape(beyond.removesuffix(")"))}</span>' if beyond else ""
    )


def band(value: UncertainNumber, most: float) -> str:
    """Return a number as a bar: thick from end to end of what is not known, thin for what a sample leaves open."""
    if not most > 0 or math.isnan(value.high):
        return ""
    if value.most == 0:
        return '<span class="band" aria-hidden="true"></span>'
    least, low, high, top = (100 * end / most for end in (value.least, value.low, value.high, value.most))
    return (
        f'<span class="band" aria-hidden="true"><i style="left:{least:.1f}%;width:{max(top - least, 0.5):.1f}%"></i>'
        f'<b style="left:{low:.1f}%;width:{max(high - low, 0.8):.1f}%"></b></span>'
    )
