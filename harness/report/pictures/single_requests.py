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
from harness.report.pictures import style
from harness.report.pictures.picture import DETAILS, Picture, unseen
from harness.report.pictures.representatives import Representative, representatives
from harness.report.pictures.style import GOOD, INK, WRONG

_BAR = 0.44
_CHAR_SHARE = 0.0098  # width of a small letter, as a share of the longest request
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
    figure = style.canvas(0.95 + 0.62 * len(chosen))
    axes = figure.subplots()
    axes.set_xlim(-0.008 * end_s, end_s * 1.34)
    axes.set_ylim(len(chosen) - 0.4, -0.75)
    colours = style.colours(run.plan)
    for row, request_id in enumerate(ids):
        _row(axes, row, requests[request_id], attempts[request_id][:_ATTEMPTS_MAX], colours=colours, end_s=end_s)
    axes.set_yticks(range(len(chosen)), [_name(pick) for pick in chosen], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= end_s * 1.02])
    axes.grid(visible=True, axis="x")
    style.seconds_axis(axes, "seconds since the caller's intended start")
    _legend(figure, {a.provider for rows in attempts.values() for a in rows}, colours)
    return figure


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


def _name(pick: Representative) -> str:
    """Return the request's id and what it is an example of, in three lines at most."""
    first, *others = pick.reasons
    more = f" (+ {len(others) - 1} more)" if len(others) > 1 else ""
    return "\n".join([pick.request_id, first, *(other + more for other in others[:1])])


def _row(
    axes: Axes,
    row: int,
    request: RequestRecord,
    attempts: list[AttemptRecord],
    *,
    colours: dict[str, str],
    end_s: float,
) -> None:
    origin = request.scheduled_ns
    left_s = ((request.end_ns or origin) - origin) / 1e9
    axes.plot([0, left_s], [row, row], color=INK, linewidth=1.1, linestyle=(0, (1, 2)), alpha=0.8, zorder=1)
    free = 0.0
    for attempt in attempts:
        start = (attempt.start_ns - origin) / 1e9
        stop = ((attempt.end_ns or attempt.start_ns) - origin) / 1e9
        _asked_to_wait(axes, row, attempt, stop, left_s)
        colour = colours.get(attempt.provider, style.UNKNOWN)
        _bar(axes, row, attempt, start=start, width=max(stop - start, end_s * 0.004), colour=colour)
        free = _tag(axes, row, attempt, start=start, end_s=end_s, free=free)
    edge = max([left_s, *(((a.end_ns or a.start_ns) - origin) / 1e9 for a in attempts)])
    good = request.complete
    axes.text(
        edge + 0.012 * end_s,
        row,
        _outcome(request, len(attempts)),
        va="center",
        fontsize=9,
        color=INK if good else WRONG,
        fontweight="normal" if good else "bold",
    )


def _asked_to_wait(axes: Axes, row: int, attempt: AttemptRecord, stop_s: float, left_s: float) -> None:
    """Draw the time that the provider asked the chain to stay away: an attempt inside it came too early."""
    if attempt.retry_after_ns:
        until_s = min(stop_s + attempt.retry_after_ns / 1e9, max(stop_s, left_s))
        axes.barh(row, until_s - stop_s, left=stop_s, height=0.16, color=GOOD, alpha=0.32, linewidth=0, zorder=1)


def _bar(axes: Axes, row: int, attempt: AttemptRecord, *, start: float, width: float, colour: str) -> None:
    look: dict[str, Any] = {"color": colour, "linewidth": 0}
    if attempt.outcome != "ok":
        look = {**style.failed_look(colour), "linewidth": 1}
    axes.barh(row, width, left=start, height=_BAR, zorder=3, **look)


def _tag(axes: Axes, row: int, attempt: AttemptRecord, *, start: float, end_s: float, free: float) -> float:
    """Write over a failed attempt what came of it, where there is room; return from where there is room again."""
    if attempt.outcome == "ok" or start < free:
        return free
    text = str(attempt.status) if attempt.outcome == "status" else attempt.outcome.replace("_", " ")
    axes.text(start, row - _BAR / 2 - 0.04, text, fontsize=8, va="bottom", ha="left", color=INK)
    return start + (len(text) + 1) * _CHAR_SHARE * end_s


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


def _legend(figure: Figure, called: set[str], colours: dict[str, str]) -> None:
    handles: list[Any] = [style.swatch(c, words.shortened(name)) for name, c in colours.items() if name in called]
    handles += [
        style.swatch(style.UNKNOWN, "failed attempt", failed=True),
        Line2D([], [], color=INK, linewidth=1.1, linestyle=(0, (1, 2)), label="waiting"),
        Patch(facecolor=GOOD, alpha=0.32, label="asked to wait (Retry-After)"),
    ]
    lengths = [len(handle.get_label()) + 6 for handle in handles]
    columns = len(handles) if sum(lengths) < 150 else max(2, 150 // max(lengths))
    figure.legend(handles=handles, loc="outside upper left", ncols=columns, fontsize=9, handlelength=1.6)


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
