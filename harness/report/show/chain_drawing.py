"""A chain as boxes from left to right: the provider that is tried first, then the next ones; peers share a box."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from harness.report.glossary import explained
from harness.scenario import Plan

_LEVELS_MAX = 8
_PEERS_MAX = 6
_ORDERS_MAX = 4
PEERS = "Providers of equal rank: the chain picks one of them for each try, often at random."


def chain(plan: Plan) -> str:
    """Return the order of each kind of request as HTML; one where all have the same."""
    kinds: dict[tuple[str, ...], list[str]] = {}
    for part, order in zip(plan.parts, plan.orders, strict=True):
        kinds.setdefault(order, []).append(part.model or part.kind)
    drawn = []
    for order, names in list(kinds.items())[:_ORDERS_MAX]:
        label = f'<span class="ci">{escape(", ".join(dict.fromkeys(names)))}</span>' if len(kinds) > 1 else ""
        drawn.append(label + _order(plan, order))
    more = len(kinds) - len(drawn)
    return "".join(drawn) + (f'<span class="ci">and {more} more orders</span>' if more > 0 else "")


def _order(plan: Plan, order: Sequence[str]) -> str:
    levels = list(dict.fromkeys(tuple(n for n in order if n in plan.chain.with_peers(name)) for name in order))
    boxes = [_level(plan, level) for level in levels[:_LEVELS_MAX]]
    if len(levels) > _LEVELS_MAX:
        boxes.append(f"<li>… ({len(levels)} in all)</li>")
    return f'<ol class="chain">{"".join(boxes)}</ol>'


def _level(plan: Plan, level: Sequence[str]) -> str:
    boxes = "".join(_box(plan, name) for name in level[:_PEERS_MAX])
    if len(level) > _PEERS_MAX:
        boxes += f'<span class="ci">… ({len(level)} in all)</span>'
    head = f'<span class="ci">{explained("peers", PEERS)}</span>' if len(level) > 1 else ""
    return f'<li class="{"peers" if head else "single"}">{head}{boxes}</li>'


def _box(plan: Plan, name: str) -> str:
    provider = plan.chain.providers.get(name)
    model = "" if provider is None or not provider.model else f'<span class="ci">{escape(provider.model)}</span>'
    return f'<span class="provider">{escape(name)}{model}</span>'
