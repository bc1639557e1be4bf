"""A small line of one number over the runs of a scenario on a chain."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from harness.quantities import amount, plural
from harness.report.index.texts import LABELS, changes
from harness.store.index_entry import NUMBERS, Entry

WIDTH, HEIGHT = 150, 34
_EDGE = 5
_SHARE_FROM = 0.9
"""The axis of a share begins here or lower, so that a loss of one request in a thousand does not look like an outage."""


def sparkline(runs: Sequence[Entry], name: str) -> str:
    """Return a number over runs as inline SVG: red dots are failed runs, a dashed line is a change of chain or version.

    Args:
        runs: The oldest first.
        name: One of `NUMBERS`.
    """
    places = [place for place, run in enumerate(runs) if name in run.numbers]
    if len(places) < 2:  # one number needs no line
        return ""
    values = [runs[place].numbers[name] for place in places]
    low, high = (min(_SHARE_FROM, *values), 1.0) if NUMBERS[name] == "share" else (0.0, max(values) or 1.0)
    step = (WIDTH - 2 * _EDGE) / (len(runs) - 1)
    across = [_EDGE + step * place for place in places]
    down = [HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * (value - low) / (high - low) for value in values]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    dots = "".join(
        f'<circle class="{_dot(runs[place], last=place == places[-1])}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
        for place, x, y in zip(places, across, down, strict=True)
        if runs[place].verdict == "fail" or place == places[-1]
    )
    marks = {place: found for place in range(1, len(runs)) if (found := changes(runs[place - 1], runs[place]))}
    lines = "".join(
        f'<line class="change" x1="{_EDGE + step * (place - 0.5):.1f}" x2="{_EDGE + step * (place - 0.5):.1f}" y1="0" '
        f'y2="{HEIGHT}"><title>{escape(", ".join(found))}</title></line>'
        for place, found in marks.items()
    )
    label = _label(values, name, changed=len(marks))
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{lines}<polyline points="{line}"/>{dots}</svg>'
    )


def _dot(run: Entry, *, last: bool) -> str:
    return "failed" if run.verdict == "fail" else "last" if last else ""


def _label(values: Sequence[float], name: str, *, changed: int) -> str:
    unit = NUMBERS[name]
    first, last, low, high = (amount(value, unit) for value in (values[0], values[-1], min(values), max(values)))
    about = f"{LABELS[name]} over {plural(len(values), 'run')}: first {first}, last {last}, between {low} and {high}"
    return about + (f"; chain or version changed {plural(changed, 'time')}" if changed else "")
