"""The page of a tuning: what the file should say, what each line brings, how it holds, and what else there was."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from html import escape

from harness import quantities
from harness.incident.objective import Objective
from harness.incident.toll import Toll
from harness.incident.tuned import Suggestion, TriedSettings, Tuned, key_of
from harness.report.page import page
from harness.report.replay_page import STYLE
from harness.report.table import table
from harness.report.tune import (
    COLUMNS,
    amount,
    apply_command,
    gain,
    headline,
    held_out_sentence,
    row,
    sampled,
    settings_words,
)
from harness.store import TuningFolder

_WIDTH, _HEIGHT, _LEFT, _TOP, _BELOW = 760, 400, 104, 40, 62
_ROOM = 0.06
_OPEN = "An upright line: what the samples leave open of the time unserved (95 %). "
_APART = 26
"""Words that are nearer to each other overlap."""
_WORD = 170
"""Room for a word and the mark that it names."""
_MARKS = 4
"""At most so many on an axis, beside 0."""
_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Steps of an axis of times; beyond, multiples of the last."""


def tune_page(tuned: Tuned, folder: TuningFolder) -> str:
    """Return the whole page. Settings come from files: all text is escaped.

    Args:
        tuned: What was found.
        folder: Where it is kept.
    """
    title = f"Better settings for {tuned.chain.name}"
    status = "inconclusive" if tuned.suggestion is None else "pass"
    said = headline(tuned)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="summary {status}"><strong>{escape(said[0].upper() + said[1:])}.</strong></p>',
        _facts(tuned),
    ]
    shown = tuned.suggestion or tuned.refuted
    if shown is not None:
        parts += _suggestion(tuned, shown, folder)
    if len(tuned.cloud) > 1:
        parts += ['<section id="tried"><h2>All that was tried</h2>', _picture(tuned, shown), "</section>"]
    rows = [[escape(cell) for cell in row(each)] for each in (tuned.now, *(f for f in tuned.front if f.values))]
    if tuned.proofs:
        parts += ['<section id="live"><h2>On real parts</h2>', _proofs(tuned), "</section>"]
    parts += [
        '<section id="front"><h2>What no other settings beat</h2>',
        "<p>In all four numbers together, on the incidents that were tuned on; first the file as it is.</p>",
        table(("settings", *(COLUMNS[each] for each in Objective)), rows),
        "</section>",
        f"<details><summary>The incidents</summary><p>{escape(', '.join(tuned.incidents))}</p></details>",
    ]
    return page(title, "\n".join(parts), STYLE)


def _facts(tuned: Tuned) -> str:
    library = tuned.chain.driver + (f", LiteLLM {tuned.version}" if tuned.version else "")
    rows = {
        "chain": tuned.chain.drawn,
        "file": tuned.file,
        "hosted by": f"{library}; simulated in virtual time, providers mocked",
        "tried": f"{quantities.plural(tuned.candidates, 'candidate')} with seed {tuned.seed}, on {_compared(tuned)}",
        "chosen by": {
            Objective.UNSERVED: "the least time unserved",
            Objective.WAIT: "the least wait",
            Objective.COST: "the least cost of an answer",
            Objective.LOAD: "the fewest attempts at the broken provider",
        }[tuned.objective],
    }
    cells = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f'<div class="opening"><dl>{cells}</dl></div>'


def _compared(tuned: Tuned) -> str:
    some = quantities.plural(len(tuned.compared), "incident")
    if len(tuned.compared) == len(tuned.incidents):
        return some
    return f"the {some} that cost the most of {len(tuned.incidents)}"


def _suggestion(tuned: Tuned, shown: Suggestion, folder: TuningFolder) -> Iterator[str]:
    name = "What to change" if tuned.suggestion is not None else "What was refuted"
    yield f'<section id="suggestion"><h2>{name}</h2>'
    yield f'<pre class="diff" tabindex="0"><code>{_coloured(shown.diff)}</code></pre>'
    if tuned.suggestion is not None:
        yield f"<p>Put it in place: <code>{escape(apply_command(tuned, folder))}</code></p>"
    yield "<h3>What each line brings</h3><ul>"
    for change in shown.changes:
        yield f"<li>{escape(gain(change, shown.tried.toll, tuned.objective))}</li>"
    yield "</ul>"
    yield _sides(tuned, shown)
    if shown.held_out is not None:
        yield f"<p>{escape(held_out_sentence(shown.held_out))}.</p>"
    else:
        yield "<p>It was not checked on incidents that it was not tuned on: there were too few to hold some out.</p>"
    yield "</section>"


def _proofs(tuned: Tuned) -> str:
    """Return what the settings came to that were played on real parts, beside what virtual time said."""
    rows = [
        (
            escape(settings_words(each.values)),
            escape(sampled(each.simulated)),
            escape(each.error if each.live is None else sampled(each.live)),
            "yes" if each.agrees else "not known" if each.live is None else "no",
        )
        for each in tuned.proofs
    ]
    note = f"In one incident, {tuned.proofs[0].incident}; in brackets what chance leaves open (95 %)."
    return f"<p>{escape(note)}</p>{table(('settings', 'unserved in virtual time', 'unserved live', 'may be the same'), rows)}"


def _coloured(diff: tuple[str, ...]) -> str:
    marks = {"+": "ins", "-": "del"}
    lines = []
    for line in diff:
        mark = marks.get(line[:1])
        lines.append(f"<{mark}>{escape(line)}</{mark}>" if mark else escape(line))
    return "\n".join(lines)


def _sides(tuned: Tuned, shown: Suggestion) -> str:
    """Return the four numbers, now and then, on both halves of the incidents."""
    held = shown.held_out
    columns = ["number", "now", "with the change"] + (["now, on others", "with the change, on others"] if held else [])
    rows = []
    for objective in Objective:
        cells = [tuned.now.toll, shown.tried.toll, *((held.before, held.after) if held else ())]
        rows.append([escape(COLUMNS[objective]), *(escape(amount(toll, objective)) for toll in cells)])
    return table(columns, rows)


def _picture(tuned: Tuned, shown: Suggestion | None) -> str:
    """Return the candidates by time unserved and attempts at the broken provider, on the incidents that all of them played."""
    ahead = {key_of(each.values) for each in tuned.front}
    x_most = max(1.0, *(each.toll.attempts for each in tuned.cloud))
    named = [each.toll for each in tuned.cloud if not each.values or _is(each, shown)]
    y_most = max(
        1e9, *(each.toll.unserved_ns for each in tuned.cloud), *(toll.unserved_ns + toll.noise_ns for toll in named)
    )
    marks = [*_axes(x_most, y_most)]
    special: list[str] = []
    words: list[tuple[str, float, float]] = []
    for each in tuned.cloud:
        x, y = _at(each.toll, x_most, y_most)
        title = f"<title>{escape(' · '.join(row(each)))}</title>"
        if not each.values:
            special.append(_whisker("before", each.toll, x_most, y_most))
            special.append(f'<path class="now" d="M{x:.1f} {y - 9:.1f}l9 9l-9 9l-9 -9z">{title}</path>')
            words.append(("now", x, y))
        elif _is(each, shown):
            special.append(_whisker("after", each.toll, x_most, y_most))
            special.append(f'<circle class="chosen" cx="{x:.1f}" cy="{y:.1f}" r="8">{title}</circle>')
            words.append(("suggested" if tuned.suggestion is not None else "refuted", x, y))
        else:
            kind = "ahead" if key_of(each.values) in ahead else "cloud"
            marks.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5">{title}</circle>')
    label = "Candidates by time unserved and attempts at the broken provider; the table has the best of them."
    return (
        f'<div class="picture" tabindex="0"><svg class="front" role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f"{''.join([*marks, *special, *_words(words)])}</svg></div>"
        '<p class="reading">Each dot is one candidate, on the incidents on which all were compared, with fewer requests than in the '
        "tables; better is further down and to the left. A ring: nothing else beats it. "
        f"{_OPEN if any(toll.noise_ns > 0 for toll in named) else ''}Point at a dot for its settings.</p>"
    )


def _is(tried: TriedSettings, shown: Suggestion | None) -> bool:
    return shown is not None and dict(tried.values) == dict(shown.tried.values)


def _whisker(kind: str, toll: Toll, x_most: float, y_most: float) -> str:
    """Return how far the time unserved may be off, as an upright line; nothing where it is certain."""
    if not toll.noise_ns > 0:
        return ""
    x, top = _scaled(toll.attempts / x_most, (toll.unserved_ns + toll.noise_ns) / y_most)
    _, bottom = _scaled(0, max(toll.unserved_ns - toll.noise_ns, 0) / y_most)
    return f'<path class="whisker {kind}" d="M{x - 6:.1f} {top:.1f}h12m-6 0V{bottom:.1f}m-6 0h12"/>'


def _axes(x_most: float, y_most: float) -> Iterator[str]:
    bottom, right = _HEIGHT - _BELOW, _WIDTH - 20
    yield '<text x="0" y="22">time unserved</text>'
    for value in _times(y_most):
        _, y = _scaled(0, value / y_most)
        yield f'<line class="axis" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 5:.1f}" text-anchor="end">{quantities.duration(value)}</text>'
    yield f'<line class="axis" x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{bottom}"/>'
    for value in _counts(x_most):
        x, _ = _scaled(value / x_most, 0)
        yield f'<text x="{x:.1f}" y="{bottom + 24}" text-anchor="middle">{quantities.count(value)}</text>'
    yield f'<text x="{(_LEFT + right) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">attempts at the broken provider</text>'


def _times(most_ns: float) -> list[float]:
    """Return where an axis of times has its marks."""
    days = math.ceil(most_ns / 1e9 / _SECONDS[-1] / _MARKS)
    step = 1e9 * next((each for each in _SECONDS if most_ns / 1e9 / each <= _MARKS), days * _SECONDS[-1])
    return [step * number for number in range(math.floor(most_ns / step) + 1)]


def _counts(most: float) -> list[int]:
    """Return where an axis of counts has its marks."""
    steps = (digit * 10**zeros for zeros in itertools.count() for digit in (1, 2, 5))
    step = next(each for each in steps if most / each <= _MARKS)
    return list(range(0, math.floor(most) + 1, step))


def _at(toll: Toll, x_most: float, y_most: float) -> tuple[float, float]:
    return _scaled(toll.attempts / x_most, toll.unserved_ns / y_most)


def _scaled(x: float, y: float) -> tuple[float, float]:
    """Return where a point is, given its parts of the axes."""
    right, bottom = _WIDTH - 20, _HEIGHT - _BELOW
    inner = 1 - _ROOM
    return _LEFT + (right - _LEFT) * x * inner, bottom - (bottom - _TOP) * y * inner


def _words(words: list[tuple[str, float, float]]) -> Iterator[str]:
    """Return the names of marks beside them, those of two that are near each other one above the other."""
    below: tuple[float, float] | None = None
    for text, x, mark in sorted(words, key=lambda each: -each[2]):
        y = mark - 6
        if below is not None and abs(x - below[0]) < _WORD:
            y = min(y, below[1] - _APART)
        below = x, y
        at, anchor = (x - 14, "end") if x > _WIDTH * 0.8 else (x + 14, "start")
        yield f'<text class="word" x="{at:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
