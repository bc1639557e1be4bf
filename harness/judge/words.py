"""Numbers as people read them."""

from __future__ import annotations

import math

_OPS = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}


def number(value: float, unit: str) -> str:
    """Return a number of some unit for people: `97.9%`, `8.14 s`, `250 ms`, `9.8/s`, `$0.012`."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit == "share":
        return f"{100 * value:.4g}%"
    if unit == "ns":
        return f"{value / 10**9:.4g} s" if abs(value) >= 10**9 else f"{value / 10**6:.4g} ms"
    if unit == "usd":
        return f"${value:.4g}"
    text = f"{value:.0f}" if value == int(value) else f"{value:.4g}"
    return f"{text}/s" if unit == "per_s" else text


def wanted(op: str, target: float, unit: str) -> str:
    """Return a limit for people: `at least 98%`."""
    return f"{_OPS[op]} {number(target, unit)}"


def interval(ci: tuple[float, float] | None, unit: str) -> str:
    """Return an interval with a space before it; empty where there is none, or where it has no width."""
    if ci is None or ci[0] == ci[1]:
        return ""
    return f" [{number(ci[0], unit)}, {number(ci[1], unit)}]"
