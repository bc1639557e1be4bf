"""An entry in words. Plain text: the code that shows it escapes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from harness.quantities import amount
from harness.store.index_entry import NUMBERS, Entry

VERDICTS: Mapping[str, str] = {
    "pass": "✓ PASS",
    "fail": "✗ FAIL",
    "inconclusive": "? INCONCLUSIVE",
    "": "– no verdict",
}
"""As `harness.report.words` has them, which imports what judges."""
LABELS: Mapping[str, str] = {
    "success_rate": "success",
    "latency_p95": "latency p95",
    "fallback_overhead_p95": "wait for a fallback p95",
    "amplification": "attempts per request",
    "time_to_recover": "time to recover",
}
"""What the numbers of an entry are called."""


def number(entry: Entry, name: str) -> str:
    """Return one of an entry's numbers; empty where it has none."""
    value = entry.numbers.get(name)
    return "" if value is None else amount(value, NUMBERS[name])


def median(runs: Iterable[Entry], name: str) -> str:
    """Return the middle one of a number of several runs; empty where none has it."""
    values = sorted(run.numbers[name] for run in runs if name in run.numbers)
    middle = len(values) // 2
    return amount((values[middle] + values[~middle]) / 2, NUMBERS[name]) if values else ""


def began(entry: Entry) -> str:
    """Return when it began, in UTC, to the minute."""
    return datetime.fromtimestamp(entry.when_s, UTC).strftime("%Y-%m-%d %H:%M")


def name(entry: Entry) -> str:
    """Return what an entry is: a run by its scenario, others by their kind."""
    return entry.scenario if entry.kind == "run" else entry.kind


def how(entry: Entry) -> str:
    """Return how it ran: `sim, seed 1`."""
    return ", ".join(filter(None, (entry.engine, "" if entry.seed is None else f"seed {entry.seed}")))


def page_command(entry: Entry, place: str) -> str:
    """Return the command that makes the page of a run without one; empty for others, and where there is nothing to judge."""
    makes = entry.kind == "run" and not entry.page and entry.digest
    return f"harness report {place}/{entry.path}" if makes else ""


def changes(before: Entry, after: Entry) -> list[str]:
    """Return what differs between two runs of one chain's name: the chain itself, and each version; empty if nothing is known to."""
    found = ["another chain file"] if before.digest and after.digest and before.digest != after.digest else []
    old, new = ({"harness": entry.harness, **entry.versions} for entry in (before, after))
    found += [
        f"{name} {old.get(name) or 'none'} → {new.get(name) or 'none'}"
        for name in dict.fromkeys((*new, *old))
        if before.versions and after.versions and old.get(name) != new.get(name)
    ]
    return found
