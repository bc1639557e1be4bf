"""How a run was measured, and what the words of its page mean."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from html import escape
from typing import Any

from harness import quantities
from harness.report import glossary as terms
from harness.report import words
from harness.report.glossary import explained
from harness.report.judged_run import JudgedRun
from harness.report.show.answers import verdict
from harness.report.show.block import Block
from harness.report.show.fallback_table import fallbacks
from harness.report.show.metrics_table import numbers
from harness.report.show.opening import opening


def measured(run: JudgedRun) -> Block:
    """Show how this was measured: the command that repeats it, the machine, and the harness's own health."""
    history, plan = run.history, run.plan
    records = [
        quantities.plural(len(run.requests), "request"),
        quantities.plural(len(run.attempts), "attempt"),
        f"{quantities.plural(history.lost, 'record')} lost",
        "complete" if history.complete else "cut short",
    ]
    facts: list[tuple[str, str]] = [
        ("repeat with", f"<code>{escape(command(run))}</code>"),
        ("scenario", f"{escape(plan.name)}, {quantities.plural(len(plan.arrivals), 'planned request')}"),
        (explained("seed"), str(plan.seed)),
        ("chain", f"{escape(plan.chain.name)}: {escape(plan.chain.drawn)} ({escape(plan.chain.driver)})"),
        (explained("plan digest"), f"<code>{escape(plan.digest)}</code>"),
        ("records", ", ".join(records)),
    ]
    facts += [(_health(name), escape(words.with_interval(value))) for name, value in run.metrics.harness.items()]
    facts += [(escape(name), f"<code>{escape(shown)}</code>") for name, shown in _flat(run.environment)]
    rows = "".join(f"<tr><th scope='row'>{name}</th><td>{cell}</td></tr>" for name, cell in facts)
    return Block(
        "<details><summary>How this was measured</summary>"
        f"<div class='scroll' tabindex='0'><table class='facts'><tbody>{rows}</tbody></table></div></details>"
    )


def _health(name: str) -> str:
    """Return the name of a number of the harness's own health, with the term in it that explains itself."""
    text = name.replace("_", " ")
    term = next((term for term in terms.TERMS if text == term or text.startswith(f"{term} ")), "")
    return explained(term) + escape(text.removeprefix(term)) if term else escape(text)


def glossary(run: JudgedRun) -> Block:
    """Show what the words mean that the other blocks explain on hover only."""
    return Block(
        terms.definitions("".join(block(run).html for block in (opening, verdict, numbers, fallbacks, measured)))
    )


def command(run: JudgedRun) -> str:
    """Return the one command that repeats this run."""
    recorded = run.environment.get("command")
    if isinstance(recorded, str):
        return recorded
    if isinstance(recorded, list):
        return shlex.join(map(str, recorded))
    return f"harness run {shlex.quote(run.plan.name)}.yaml --seed {run.plan.seed}"


def _flat(data: Any, prefix: str = "") -> Iterable[tuple[str, str]]:
    for field, value in data.items():
        name = f"{prefix}{field}"
        if name in ("command", "format"):
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{name} ")
        else:
            yield name, value if isinstance(value, str) else json.dumps(value)
