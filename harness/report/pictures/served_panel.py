"""The panels of a timeline that show whose answers callers got, what made requests fall back, and the circuit breakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from harness import quantities
from harness.judge.tables.columns import Bools
from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.bins import PIXELS, Edges, counts, ratio
from harness.report.pictures.layout import NAME_PT, Panel
from harness.report.pictures.letters import fitted
from harness.report.pictures.steps import OTHER, merged, trigger_names
from harness.report.pictures.style import INK, WRONG, hover

_LANE_IN = 0.2
_TRIGGERS_MAX = 5
_OPEN, _HALF_OPEN = "open", "half-open"


def draw(panel: Panel, run: JudgedRun, edges: Edges) -> None:
    """Draw whose answers callers got, as shares of each bin's requests."""
    axes, requests = panel.axes, run.requests
    whole = counts(requests["scheduled_ns"], edges)
    complete = requests["complete"].to_numpy(dtype=bool)
    served_by = requests["served_by"].fillna("")
    bottom = np.zeros(len(edges) - 1)
    handles: list[Any] = []
    layers: list[tuple[Bools, dict[str, Any], Patch, str]] = [
        (
            complete & (served_by == name).to_numpy(dtype=bool),
            look,
            style.of_provider(run.plan, name),
            f"served by {name}",
        )
        for name, look in style.looks(run.plan).items()
    ]
    layers.append((~complete, {**style.failed_look(WRONG), "linewidth": 0}, style.nobody(), "failed"))
    for mine, look, swatch, what in layers:
        if not mine.any():
            continue
        top = bottom + np.nan_to_num(ratio(counts(requests.loc[mine, "scheduled_ns"], edges), whole))
        area = axes.stairs(top, edges, baseline=bottom, fill=True, **look)
        hover(area, f"{quantities.plural(int(mine.sum()), 'request')} {what}")
        handles.append(swatch)
        bottom = top
    style.shade_faults(axes, run.plan, behind=False)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    style.percent_ticks(axes.yaxis)
    panel.title, panel.handles = "Who served?", handles


@dataclass(frozen=True, slots=True)
class Lanes:
    """What made requests fall back, and when circuit breakers were open: a lane for each trigger and each breaker.

    Attributes:
        steps: `trigger` and `at_ns`, when the next provider was called, of each fallback; rare triggers are `other`.
        triggers: Their names, most frequent first.
        breakers: The states of each provider's breaker, in the order of the chain; none where none was reported.
    """

    steps: pd.DataFrame
    triggers: Sequence[str]
    breakers: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, run: JudgedRun) -> Lanes:
        """Return the lanes of a run; those of triggers are missing where attempts are."""
        states = run.history.states
        groups = {str(name): mine for name, mine in states.groupby("provider", observed=True)} if len(states) else {}
        breakers = {name: groups[name] for name in run.plan.chain.names if name in groups}
        if run.blind or not len(run.fallbacks):
            return cls(pd.DataFrame({"trigger": [], "at_ns": []}), [], breakers)
        starts_ns = pd.Series(
            run.attempts["start_ns"].to_numpy(dtype=float), index=run.attempts["attempt_id"].astype(object)
        )
        at_ns = run.fallbacks["to_attempt"].astype(object).map(starts_ns)
        steps = pd.DataFrame({"trigger": merged(trigger_names(run.fallbacks), _TRIGGERS_MAX), "at_ns": at_ns}).dropna()
        most = steps["trigger"].value_counts()
        names = sorted(most.index, key=lambda name: (name == OTHER, -most[name], name))
        return cls(steps, names, breakers)

    @property
    def names(self) -> list[str]:
        """The names of all lanes, from top to bottom."""
        return [*self.triggers, *(f"breaker {name}" for name in self.breakers)]

    @property
    def height_in(self) -> float:
        """The height that the lanes need."""
        return _LANE_IN * max(1, len(self.names))

    def draw(self, panel: Panel, run: JudgedRun, edges: Edges) -> None:
        """Draw all lanes."""
        axes, names = panel.axes, self.names
        panel.title = "What made requests fall back?"
        style.shade_faults(axes, run.plan)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(max(1, len(names)) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), [fitted(name, NAME_PT) for name in names])
        if not names:
            why = "not observable in this run" if run.blind else "no request fell back"
            axes.annotate(
                why, (0, 0), (4, 0), textcoords="offset points", va="center", fontsize=9, bbox=style.PAPER_BOX, zorder=5
            )
        handles: list[Any] = []
        if self.triggers:
            most = self._bars(axes, edges)
            handles.append(
                Patch(facecolor=INK, alpha=0.7, label=f"fallbacks (at most {quantities.count(most)} in a bar)")
            )
        if self.breakers:
            handles += [Patch(facecolor=WRONG, label="breaker open"), style.swatch(WRONG, _HALF_OPEN, failed=True)]
        for row, (name, states) in enumerate(self.breakers.items(), start=len(self.triggers)):
            _breaker(axes, row, name, states)
        panel.handles = handles

    def _bars(self, axes: Axes, edges: Edges) -> int:
        """Draw a bar for each bin with fallbacks; return how many the tallest one stands for."""
        in_bins = [counts(self.steps.loc[self.steps["trigger"] == name, "at_ns"], edges) for name in self.triggers]
        most = max(int(each.max()) for each in in_bins)
        for row, (name, each) in enumerate(zip(self.triggers, in_bins, strict=True)):
            foot = row + 0.4
            # A bar of a single fallback beside one of a thousand must be seen.
            tall = np.where(each > 0, np.maximum(0.12, 0.8 * each / most), 0)
            bars = axes.stairs(foot - tall, edges, baseline=foot, fill=True, color=INK, alpha=0.7, linewidth=0)
            hover(bars, f"{name}: {quantities.plural(int(each.sum()), 'fallback')}")
            axes.axhline(foot, color=INK, linewidth=0.5, alpha=0.4)
        return most


def _breaker(axes: Axes, row: int, name: str, states: pd.DataFrame) -> None:
    end_s = axes.get_xlim()[1]
    changes_s = np.clip(states["at_ns"].to_numpy(dtype=float) / 1e9, 0, end_s)
    until_s = np.append(changes_s[1:], end_s)
    kinds = states["state"].astype(str).to_numpy()
    axes.plot([0, end_s], [row, row], color=INK, linewidth=0.8, alpha=0.5, zorder=1)
    for kind, look in (
        (_OPEN, {"facecolor": WRONG, "linewidth": 0}),
        (_HALF_OPEN, {**style.failed_look(WRONG), "linewidth": 0.6}),
    ):
        chosen = kinds == kind
        spans = _seen(changes_s[chosen], until_s[chosen], end_s / PIXELS)
        if spans:
            bars = axes.broken_barh(spans, (row - 0.3, 0.6), **look)
            total_ns = float((until_s - changes_s)[chosen].sum()) * 1e9
            hover(
                bars,
                f"breaker of {name}: {quantities.plural(int(chosen.sum()), 'time')} {kind}, {quantities.duration(total_ns)} in all",
            )


def _seen(starts_s: Edges, ends_s: Edges, pixel_s: float) -> list[tuple[float, float]]:
    """Return spans as start and length; those less than a pixel apart are one, and none is narrower than a pixel."""
    spans: list[tuple[float, float]] = []
    for start, end in zip(starts_s.tolist(), ends_s.tolist(), strict=True):
        length = max(end - start, pixel_s)
        if spans and start - sum(spans[-1]) < pixel_s:
            spans[-1] = (spans[-1][0], start + length - spans[-1][0])
        else:
            spans.append((start, length))
    return spans
