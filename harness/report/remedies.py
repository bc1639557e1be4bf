"""What single settings would have changed in a run, in words and on a terminal: what `harness tune --run` wrote, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from harness import quantities
from harness.chain.driver import DRIVERS
from harness.document.writing import flow
from harness.judge import Status
from harness.judge.comparison.counterfactual import MeasuredRemedies, Moved, TriedSetting
from harness.report import console as output
from harness.report import words
from harness.report.judged_run import JudgedRun

SHOWN_MAX = 5
_SAME_COST = 0.001
"""A share of the cost that nobody asks about."""


def setting(tried: TriedSetting) -> str:
    """Return a setting and its two values: `timeout: 600 → 8`."""
    return f"{tried.label}: {_value(tried.before)} → {_value(tried.after)}"


def effect(tried: TriedSetting) -> str:
    """Return what a setting would have changed, in a phrase; text with code between backticks. Empty if nothing."""
    parts = [
        f"{mended} is met" if mended.startswith("`") else f"no more: {words.finding_name(mended)}"
        for mended in tried.mends
    ]
    parts += _numbers(tried)
    text = "; ".join(parts)
    broken = [each if each.startswith("`") else words.finding_name(each) for each in tried.breaks]
    if broken:
        return (
            f"{text}. It breaks {quantities.listed(broken, most=3)}"
            if text
            else f"breaks {quantities.listed(broken, most=3)}"
        )
    return f"{text}. Nothing else breaks" if tried.mends else text


def outcome(found: MeasuredRemedies) -> str:
    """Return in a sentence or two what came of it all."""
    if found.reason:
        return f"No setting was tried: {found.reason.rstrip('.')}."
    tried = f"{quantities.plural(len(found.tried), 'value')} tried"
    left = f" {quantities.count(found.left_out)} more were not tried." if found.left_out else ""
    how = f"the same {quantities.count(found.requests)} requests in virtual time, with one setting of {found.file} changed"
    if not found.helpful:
        return f"No single setting would have helped: {tried} ({how}).{left}"
    helped = quantities.plural(len(found.helpful), "setting")
    return f"{helped} would have helped; {tried} ({how}).{left}"


def caveat(found: MeasuredRemedies) -> str:
    """Return what to bear in mind about a timeout that helped: providers that are played answer sooner than real ones may."""
    if found.answer_ns is None or not any("timeout" in each.label for each in found.helpful):
        return ""
    return (
        f"Answers took {quantities.duration(found.answer_ns)} in this run (median): a timeout has to leave your real providers"
        " the time that their longest answers take."
    )


def how_to_measure(run: JudgedRun) -> str:
    """Return the command that measures remedies; empty where nothing is to mend, or no simulation can tell."""
    chain = run.plan.chain
    ours = chain.driver in DRIVERS and DRIVERS[chain.driver].in_process is not None
    ours = ours and chain.target is None and chain.endpoint is None
    mocked = all(provider.upstream is None for provider in chain.providers.values())
    if run.path is None or run.verdict.status is not Status.FAIL or not (ours and mocked):
        return ""
    return f"harness tune --run {'/'.join(run.path.parts[-3:])}"


def print_remedies(found: MeasuredRemedies, console: Console, *, diffs: bool = True) -> None:
    """Print what would have helped, with the difference of the user's file.

    Args:
        found: What was measured.
        console: Where to.
        diffs: Print those too.
    """
    output.line(console, Text.assemble(("Measured: ", "bold"), output.text(outcome(found))))
    if note := caveat(found):
        output.line(console, note)
    for tried in found.helpful[:SHOWN_MAX]:
        output.line(console, Text.assemble((setting(tried), "bold"), ": ", output.text(f"{effect(tried)}.")))
        for line in tried.diff if diffs else ():
            output.line(console, f"  {line}", {"+": "green", "-": "red"}.get(line[:1], "dim"), whole=True)


def _value(value: Any) -> str:
    return "not set" if value is None else flow(value)


def _numbers(tried: TriedSetting) -> Iterator[str]:
    if tried.unserved.better or tried.unserved.worse:
        yield f"unserved requests {_count(tried.unserved)}"
    waits = tried.latency_ns
    if waits is not None and (waits.better or waits.worse):
        yield f"answers after {quantities.duration(waits.before)} → {quantities.duration(waits.after)} on average"
    if tried.attempts.better or tried.attempts.worse:
        yield f"attempts that met the fault {_count(tried.attempts)}"
    cost = tried.cost_usd
    if cost is not None and cost.before and abs(change := cost.after / cost.before - 1) >= _SAME_COST:
        yield f"{quantities.share(abs(change))} {'more' if change > 0 else 'less'} cost"


def _count(moved: Moved) -> str:
    return f"{quantities.count(moved.before)} → {quantities.count(moved.after)}"
