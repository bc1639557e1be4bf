"""What single requests did: attempts, waits and fallbacks, each from its own start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from harness import quantities
from harness.history import AttemptRecord, RequestRecord, as_records
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures import layout, style
from harness.report.pictures.layout import NAME_PT, Panel
from harness.report.pictures.letters import fitted, width_pt
from harness.report.pictures.picture import DETAILS, Picture, unseen
from harness.report.pictures.representatives import Representative, representatives
from harness.report.pictures.style import GOOD, INK, WRONG, hover

_ROW_IN = 0.64
_BAR = 0.3
_NAME_UP = 0.42
"""How far above its bar a request's name is, in rows."""
_ATTEMPTS_MAX = 40


def _nothing(run: JudgedRun) -> str:
    if why := unseen(run):
        return why
    return "" if representatives(run) else "No request ended in this run."


def _draw(run: JudgedRun) -> Figure:
    return drawn(run, representatives(run))


def drawn(run: JudgedRun, chosen: Sequence[Representative]) -> Figure:
    """Return the waterfalls of some requests, one below the other."""
    ids = [pick.request_id for pick in chosen]
    requests, attempts = _records(run, ids)
    end_s = max(_end_ns(requests[i], attempts[i]) - requests[i].scheduled_ns for i in ids) / 1e9
    panels = layout.panels([_ROW_IN * (len(chosen) + 0.2)], y_ticks=False)
    (panel,) = panels
    axes = panel.axes
    axes.set_xlim(-0.008 * end_s, end_s * 1.02)
    axes.set_ylim(len(chosen) - 0.5, -0.7)
    colours = style.colours(run.plan)
    for row, pick in enumerate(chosen):
        request, mine = requests[pick.request_id], attempts[pick.request_id]
        _name(panel, row, pick, request, len(mine))
        _row(panel, row, request, mine[:_ATTEMPTS_MAX], colours=colours, end_s=end_s)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x")
    style.seconds_axis(axes, "seconds since the caller's intended start")
    panel.title = "Attempts, waits and fallbacks"
    panel.handles = _legend(run, {a.provider for rows in attempts.values() for a in rows})
    return layout.placed(panels)


def _records(run: JudgedRun, ids: list[str]) -> tuple[dict[str, RequestRecord], dict[str, list[AttemptRecord]]]:
    """Return some requests, and their attempts in order."""
    requests = {r.request_id: r for r in as_records(RequestRecord, _of(run.requests, ids))}
    attempts: dict[str, list[AttemptRecord]] = {request_id: [] for request_id in ids}
    for attempt in as_records(AttemptRecord, _of(run.attempts, ids).sort_values("start_ns", kind="stable")):
        attempts[str(attempt.request_id)].append(attempt)
    return requests, attempts


def _of(table: pd.DataFrame, ids: list[str]) -> pd.DataFrame:
    return table[table["request_id"].isin(ids)]


def _end_ns(request: RequestRecord, attempts: list[AttemptRecord]) -> int:
    ends = [attempt.end_ns or attempt.start_ns for attempt in attempts]
    return max([request.end_ns or request.scheduled_ns + 1, *ends])


def _name(panel: Panel, row: int, pick: Representative, request: RequestRecord, attempts: int) -> None:
    """Write above a request's bar its id and what it is an example of, and on the right how it ended."""
    end = _outcome(request, attempts)
    look: dict[str, Any] = {
        "xycoords": panel.axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "fontsize": 9,
    }
    first, *others = pick.reasons
    reason = f"{first} (+ {len(others)} more)" if others else first
    at = row - _NAME_UP
    # Both sides get what they need; if they need too much, the reason is shortened.
    end_pt = width_pt(end, bold=not request.complete)
    name = fitted(pick.request_id, 130)
    name_pt = width_pt(name, bold=True)
    panel.axes.annotate(name, (0, at), (0, 0), fontweight="bold", **look)
    shown = fitted(reason, panel.width_pt - name_pt - end_pt - 22)
    panel.axes.annotate(shown, (0, at), (name_pt + 8, 0), **look)
    colour, weight = (INK, "normal") if request.complete else (WRONG, "bold")
    panel.axes.annotate(end, (1, at), (0, 0), ha="right", color=colour, fontweight=weight, **look)


def _row(
    panel: Panel,
    row: int,
    request: RequestRecord,
    attempts: list[AttemptRecord],
    *,
    colours: dict[str, str],
    end_s: float,
) -> None:
    axes, origin = panel.axes, request.scheduled_ns
    left_s = ((request.end_ns or origin) - origin) / 1e9
    axes.plot([0, left_s], [row, row], color=INK, linewidth=1.1, linestyle=(0, (1, 2)), alpha=0.8, zorder=1)
    free = 0.0
    for attempt in attempts:
        start = (attempt.start_ns - origin) / 1e9
        stop = ((attempt.end_ns or attempt.start_ns) - origin) / 1e9
        _asked_to_wait(axes, row, attempt, stop, left_s)
        colour = colours.get(attempt.provider, style.UNKNOWN)
        _bar(axes, row, attempt, start=start, width=max(stop - start, end_s * 0.005), colour=colour)
        free = _tag(panel, row, attempt, start=start, end_s=end_s, free=free)


def _asked_to_wait(axes: Axes, row: int, attempt: AttemptRecord, stop_s: float, left_s: float) -> None:
    """Draw the time that the provider asked the chain to stay away: an attempt inside it came too early."""
    if attempt.retry_after_ns:
        until_s = min(stop_s + attempt.retry_after_ns / 1e9, max(stop_s, left_s))
        axes.barh(row, until_s - stop_s, left=stop_s, height=0.16, color=GOOD, alpha=0.32, linewidth=0, zorder=1)


def _bar(axes: Axes, row: int, attempt: AttemptRecord, *, start: float, width: float, colour: str) -> None:
    look: dict[str, Any] = {"color": colour, "linewidth": 0}
    if attempt.outcome != "ok":
        look = {**style.failed_look(colour), "linewidth": 1}
    (bar,) = axes.barh(row, width, left=start, height=_BAR, zorder=3, **look)
    ended = "no end recorded" if attempt.end_ns is None else quantities.duration(attempt.end_ns - attempt.start_ns)
    hover(bar, f"{attempt.provider}: {_ending(attempt)}, after {quantities.duration(start * 1e9)}, took {ended}")


def _ending(attempt: AttemptRecord) -> str:
    """Return how an attempt ended: `ok`, its status, or how its exchange broke."""
    return str(attempt.status) if attempt.outcome == "status" else attempt.outcome.replace("_", " ")


def _tag(panel: Panel, row: int, attempt: AttemptRecord, *, start: float, end_s: float, free: float) -> float:
    """Write under a failed attempt what came of it, where there is room; return from where there is room again."""
    if attempt.outcome == "ok" or start < free:
        return free
    text = _ending(attempt)
    long_s = (width_pt(text) + 4) / panel.width_pt * end_s * 1.028
    at_end = start + long_s > end_s * 1.02
    if at_end and end_s - long_s < free:
        return free
    place, side = (end_s * 1.02, "right") if at_end else (start, "left")
    panel.axes.text(place, row + _BAR / 2 + 0.02, text, fontsize=9, va="top", ha=side, color=INK)
    return start + long_s


def _outcome(request: RequestRecord, attempts: int) -> str:
    took = quantities.duration((request.end_ns or request.scheduled_ns) - request.scheduled_ns)
    tries = quantities.plural(attempts, "attempt")
    if request.complete:
        return f"✓ {words.shortened(request.served_by or 'answered', 22)}, {took}, {tries}"
    if request.client_left:
        return f"✗ caller left at {took}, {tries}"
    if request.outcome in {"ok", "truncated"}:
        return f"✗ incomplete answer, {took}, {tries}"
    status = f" {request.status}" if request.status else ""
    return f"✗ error{status}, {took}, {tries}"


def _legend(run: JudgedRun, called: set[str]) -> list[Any]:
    colours = style.colours(run.plan)
    handles: list[Any] = [style.swatch(c, fitted(name, NAME_PT)) for name, c in colours.items() if name in called]
    return [
        *handles,
        style.swatch(style.UNKNOWN, "failed attempt", failed=True),
        Line2D([], [], color=INK, linewidth=1.1, linestyle=(0, (1, 2)), label="waiting"),
        Patch(facecolor=GOOD, alpha=0.32, label="Retry-After"),
    ]


def _alt(run: JudgedRun) -> str:
    chosen = representatives(run)
    requests, attempts = _records(run, [pick.request_id for pick in chosen])
    lines = [
        f"{pick.request_id} ({', '.join(pick.reasons)}): "
        f"{_outcome(requests[pick.request_id], len(attempts[pick.request_id]))[2:]}"
        for pick in chosen
    ]
    return f"What single requests did. {'; '.join(lines)}."


SINGLE_REQUESTS = Picture(
    name="single-requests",
    question="What did single requests do?",
    reading="Typical, extreme and failing examples, each from the moment at which its caller wanted to start.",
    position=60,
    places=(DETAILS, "success-after-fallback"),
    nothing=_nothing,
    alt=_alt,
    draw=_draw,
)
