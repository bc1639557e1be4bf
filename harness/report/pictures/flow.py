"""Where fallbacks came from, what triggered them, who took over, and how that ended: bands as wide as there were fallbacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from harness import quantities
from harness.judge.tables.fallbacks import FAILED, RESULTS, SERVED, UNUSED
from harness.report.judged_run import JudgedRun
from harness.report.pictures import layout, style
from harness.report.pictures.letters import fitted, width_pt
from harness.report.pictures.picture import DETAILS, Picture, unseen
from harness.report.pictures.steps import OTHER, merged, trigger_names
from harness.report.pictures.style import INK, UNKNOWN, WRONG, hover

NODES_MAX = 8
"""In a column; the rarest are one node, `other`."""
_HEADS = ("Failed, and why", "Next provider", "Result")
_WORDS = {SERVED: "served", UNUSED: "answer not used", FAILED: "failed"}
_ALL_PT = 130.0
_SLOT_PT = 27.0
_THIN_PT = 1.5
_NODE_PT = 7.0
_SIDE_PT = 122.0
_RESULT_PT = 96.0
_MIDDLE_PT = 100.0
_HEAD_PT = 18.0
_ALT_MAX = 6


Way = tuple[str, str, str]
"""What triggered a fallback, the provider that was tried next, and the result."""


@dataclass(slots=True, kw_only=True)
class Node:
    """One trigger, provider or result.

    Attributes:
        name: What it is.
        size: How many fallbacks.
        top_pt: Where it begins, from the picture's top.
        used_pt: How much of its height has bands, by side: those that come in, and those that go out.
    """

    name: str
    size: int
    top_pt: float = 0.0
    used_pt: dict[str, float] = field(default_factory=lambda: {"in": 0.0, "out": 0.0})


def ways(run: JudgedRun) -> Counter[Way]:
    """Return how many fallbacks there were of each trigger, provider and result, rare triggers and providers merged."""
    table = run.fallbacks
    triggers = merged(table["from_provider"].astype(str) + "\n" + trigger_names(table), NODES_MAX)
    providers = merged(table["to_provider"].astype(str), NODES_MAX)
    return Counter(zip(triggers.tolist(), providers.tolist(), table["result"].astype(str).tolist(), strict=True))


def _columns(run: JudgedRun, found: Counter[Way]) -> list[dict[str, Node]]:
    """Return the nodes of each column by name, from top to bottom: in the order of the chain, `other` last."""
    places = {name: place for place, name in enumerate((*run.plan.chain.names, *RESULTS))}
    columns: list[dict[str, Node]] = []
    for column in range(3):
        sizes: Counter[str] = Counter()
        for way, size in found.items():
            sizes[way[column]] += size
        order = sorted((name == OTHER, places.get(name.split("\n")[0], 0), -size, name) for name, size in sizes.items())
        columns.append({name: Node(name=name, size=sizes[name]) for *_, name in order})
    return columns


def _height_pt(size: int, total: int) -> float:
    return max(_THIN_PT, _ALL_PT * size / total)


def _put(columns: Sequence[Mapping[str, Node]], total: int) -> float:
    """Give all nodes their places, and return the height that they need."""
    slots = [[max(_SLOT_PT, _height_pt(node.size, total) + 6) for node in nodes.values()] for nodes in columns]
    whole_pt = max(sum(column) for column in slots)
    for nodes, column in zip(columns, slots, strict=True):
        spare_pt = (whole_pt - sum(column)) / len(column)
        at_pt = 0.0
        for node, slot_pt in zip(nodes.values(), column, strict=True):
            node.top_pt = at_pt + (slot_pt + spare_pt - _height_pt(node.size, total)) / 2
            at_pt += slot_pt + spare_pt
    return whole_pt


def _nothing(run: JudgedRun) -> str:
    return unseen(run) or ("" if len(run.fallbacks) else "No request went from one provider to another.")


def _draw(run: JudgedRun) -> Figure:
    found = ways(run)
    total = found.total()
    columns = _columns(run, found)
    whole_pt = _put(columns, total)
    panels = layout.panels([(whole_pt + _HEAD_PT) / layout.INCH_PT], y_ticks=False)
    (panel,) = panels
    axes, room_pt = panel.axes, panel.width_pt
    axes.set_axis_off()
    axes.set_xlim(0, room_pt)
    axes.set_ylim(whole_pt, -_HEAD_PT)
    lefts_pt = (_SIDE_PT, (room_pt + _SIDE_PT - _RESULT_PT) / 2 - _NODE_PT, room_pt - _RESULT_PT - _NODE_PT)
    looks = style.looks(run.plan)
    for at in (0, 1):
        for source in columns[at].values():
            for target in columns[at + 1].values():
                size = sum(n for way, n in found.items() if way[at : at + 2] == (source.name, target.name))
                if size:
                    provider = (source, target)[1 - at].name
                    shape = _band(source, target, (lefts_pt[at] + _NODE_PT, lefts_pt[at + 1]), size / total)
                    band = PathPatch(shape, **_look(looks.get(provider), failed=target.name == FAILED and at == 1))
                    axes.add_patch(band)
                    hover(band, f"{_plain(source.name)} → {_plain(target.name)}: {quantities.count(size)}")
    for place, (nodes, left_pt) in enumerate(zip(columns, lefts_pt, strict=True)):
        for node in nodes.values():
            _node(axes, node, place, left_pt, total)
        x_pt, side = ((left_pt - 5, "right"), (left_pt + _NODE_PT / 2, "center"), (left_pt + _NODE_PT + 5, "left"))[
            place
        ]
        axes.text(x_pt, -_HEAD_PT / 2, _HEADS[place], ha=side, va="center", fontsize=9, fontweight="bold")
    return layout.placed(panels)


def _plain(name: str) -> str:
    return _WORDS.get(name, name.replace("\n", " "))


def _look(look: dict[str, Any] | None, *, failed: bool) -> dict[str, Any]:
    if failed:
        return {**style.failed_look(WRONG), "linewidth": 0, "alpha": 0.75}
    return {"facecolor": look["facecolor"] if look else UNKNOWN, "linewidth": 0, "alpha": 0.5}


def _band(source: Node, target: Node, ends_pt: tuple[float, float], share: float) -> Path:
    """Return the band between two nodes, below those that they already have."""
    high_pt = max(_THIN_PT, _ALL_PT * share)
    left_pt, right_pt = ends_pt
    start_pt, stop_pt = source.top_pt + source.used_pt["out"], target.top_pt + target.used_pt["in"]
    source.used_pt["out"] += _ALL_PT * share
    target.used_pt["in"] += _ALL_PT * share
    half_pt = (left_pt + right_pt) / 2
    points = np.array(
        [
            (left_pt, start_pt),
            (half_pt, start_pt),
            (half_pt, stop_pt),
            (right_pt, stop_pt),
            (right_pt, stop_pt + high_pt),
            (half_pt, stop_pt + high_pt),
            (half_pt, start_pt + high_pt),
            (left_pt, start_pt + high_pt),
            (left_pt, start_pt),
        ]
    )
    curve = [Path.CURVE4] * 3
    return Path(points, [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY])


def _node(axes: Axes, node: Node, place: int, left_pt: float, total: int) -> None:
    """Draw a node, and beside it what it is and how many fallbacks it has."""
    high_pt = _height_pt(node.size, total)
    (bar,) = axes.bar(left_pt, high_pt, width=_NODE_PT, bottom=node.top_pt, align="edge", color=INK, linewidth=0)
    size = quantities.count(node.size)
    hover(bar, f"{_plain(node.name)}: {size} of {quantities.count(total)} fallbacks")
    what, _, why = node.name.partition("\n")
    first = f"{size} {('from ', 'to ', '')[place]}"
    rooms_pt = (_SIDE_PT - 8, _MIDDLE_PT, _RESULT_PT - 8)
    text = first + fitted(_WORDS.get(what, what), rooms_pt[place] - width_pt(first))
    if why:
        text += f"\n{fitted(why, rooms_pt[place])}"
    axes.annotate(
        text,
        (left_pt if place == 0 else left_pt + _NODE_PT, node.top_pt + high_pt / 2),
        (-5 if place == 0 else 5, 0),
        textcoords="offset points",
        ha="right" if place == 0 else "left",
        va="center",
        fontsize=9,
        bbox=style.PAPER_BOX if place == 1 else None,
        zorder=6,
    )


def _caused(trigger: str) -> str:
    provider, _, why = trigger.partition("\n")
    return f"{provider} ({why})" if why else provider


def _alt(run: JudgedRun) -> str:
    found = ways(run)
    kinds = sorted(found.items(), key=lambda each: (-each[1], each[0]))
    parts = [
        f"{quantities.count(size)} from {_caused(trigger)} to {provider}: {_WORDS[result]}"
        for (trigger, provider, result), size in kinds[:_ALT_MAX]
    ]
    more = len(kinds) - len(parts)
    rest = f"; and {quantities.plural(more, 'rarer way', 'rarer ways')}" if more else ""
    return f"{quantities.plural(found.total(), 'fallback')}: {'; '.join(parts)}{rest}."


FLOW = Picture(
    name="flow",
    question="What fell back, and why?",
    reading=(
        "Each band is a step from one provider to the next, as wide as there were such steps: on the left what failed, in "
        "the middle who was tried next, on the right whether the caller got that provider's answer."
    ),
    position=15,
    places=(DETAILS, "success-after-fallback"),
    nothing=_nothing,
    alt=_alt,
    draw=_draw,
)
