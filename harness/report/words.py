"""Numbers and answers as a person would write them. Plain text: escaping is the business of whoever prints it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.judge.result import ExpectationResult, Finding, Status, Value

GLYPHS = {Status.PASS: "✓", Status.FAIL: "✗", Status.INCONCLUSIVE: "?"}
WORDS = {Status.PASS: "PASS", Status.FAIL: "FAIL", Status.INCONCLUSIVE: "INCONCLUSIVE"}
MISSING = "–"


def duration(ns: float) -> str:
    """Return nanoseconds with three digits and the unit that suits them: `8.02 s`, `120 ms`, `2 min 5 s`."""
    if not math.isfinite(ns):
        return "∞"
    size = abs(ns)
    if size >= 119.5e9:
        minutes, seconds = divmod(round(size / 1e9), 60)
        return ("-" if ns < 0 else "") + (f"{minutes} min {seconds} s" if seconds else f"{minutes} min")
    if size >= 0.9995e9:
        return f"{_digits(ns / 1e9)} s"
    if size >= 0.9995e6:
        return f"{_digits(ns / 1e6)} ms"
    return f"{_digits(ns / 1e3)} µs" if size else "0 s"


def _digits(number: float) -> str:
    """Return a number below 1000 with three digits, without trailing zeros after the point."""
    places = 2 if abs(number) < 9.995 else 1 if abs(number) < 99.95 else 0
    text = f"{number:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(number: float) -> str:
    """Return a whole number with its thousands apart: `12,345`."""
    return f"{number:,.0f}"


def share(part: float) -> str:
    """Return a share as a percentage that is `100%` or `0%` only where it is exact."""
    for places in (1, 2, 3):
        text = f"{part:.{places}%}"
        if part in (0.0, 1.0) or text not in (f"{1:.{places}%}", f"{0:.{places}%}"):
            head, _, tail = text[:-1].partition(".")
            return f"{head}.{tail}%".replace(".0%", "%") if part in (0.0, 1.0) else text
    return ">99.999%" if part > 0.5 else "<0.001%"


def amount(value: float | None, unit: str) -> str:
    """Return a value of one of the units that metrics have."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit == "ns":
        return duration(value)
    if unit == "share":
        return share(value)
    if unit == "ratio":
        return f"{value:.2f}×"
    if unit == "per_s":
        return f"{value:.3g}/s"
    if unit == "usd":
        return f"${value:,.4f}" if abs(value) < 1 else f"${value:,.2f}"
    return count(value) if value == round(value) else f"{value:,.2f}"


def interval(ci: Sequence[float | None] | None, unit: str) -> str:
    """Return a 95 % interval as `7.6 s – 8.3 s`; an open end is `?`; empty where there is none."""
    if ci is None:
        return ""
    if all(end is None or math.isinf(end) for end in ci):
        return "too few to tell"
    low, high = (("?" if end is None or math.isinf(end) else amount(end, unit)) for end in ci)
    return f"{low} – {high}"


def with_interval(value: Value | None) -> str:
    """Return a metric as `98.6% (97.2% – 99.3%, n = 402)`."""
    if value is None or value.value is None:
        return MISSING
    inner = [part for part in (interval(value.ci, value.unit), f"n = {count(value.samples)}") if part]
    return f"{amount(value.value, value.unit)} ({', '.join(inner)})"


def status(answer: Status) -> str:
    """Return a glyph and a word, so that no reader depends on a colour."""
    return f"{GLYPHS[answer]} {WORDS[answer]}"


def finding(found: Finding) -> str:
    """Return a finding's glyph and word: an advisory one that was seen is a note, since it fails nothing."""
    return "! NOTE" if noted(found) else status(found.status)


def noted(found: Finding) -> bool:
    """Say whether a finding was seen and yet fails nothing."""
    return found.severity == "advisory" and found.status is Status.FAIL


def samples(row: ExpectationResult) -> str:
    """Return the samples of an expectation, and how many it would have needed."""
    needed = f" of {count(row.needed)} needed" if row.needed and row.needed > row.samples else ""
    return f"{count(row.samples)}{needed}"


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that found something or could not tell: failed ones first, required ones first."""
    found = [finding for finding in findings if finding.status is not Status.PASS]
    return sorted(found, key=lambda finding: (finding.status is not Status.FAIL, finding.severity != "required"))


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return `1 caller`, `2 callers`, `no caller`."""
    if number == 0:
        return f"no {one}"
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return `a, b and c`; `a, b, … (12 in all)` where there are more than `most`."""
    if len(names) > most:
        return f"{', '.join(names[:most])}, … ({count(len(names))} in all)"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def shortened(name: str, most: int = 28) -> str:
    """Return a name that fits a picture: the middle of a long one gives way."""
    if len(name) <= most:
        return name
    tail = (most - 1) // 3
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"
