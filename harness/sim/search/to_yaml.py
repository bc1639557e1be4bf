"""A find as a scenario file that shows it again."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import fields

from harness.document import duration_text, share_text
from harness.scenario import Fault, Inject, Scenario
from harness.scenario.schema import Load

_DURATIONS = ("retry_after", "delay", "pause", "ttft")
_WIDTH = 118
_PLAIN = re.compile(r"(?!(true|false|null|yes|no)$)[A-Za-z./][A-Za-z0-9._/\-]*", re.IGNORECASE)
"""What YAML takes for a text without quotes."""


def to_yaml(
    scenario: Scenario,
    *,
    chain: str,
    name: str,
    title: str,
    comments: Sequence[str],
    commands: Sequence[str],
    expect: Sequence[str] = (),
) -> str:
    """Return a find as a scenario file.

    Args:
        scenario: What is to run.
        chain: Path of the chain's file, as the scenario names it.
        name: The scenario's.
        title: What it shows.
        comments: What stands above it: sentences, each of which may take several lines.
        commands: The lines below them, which are never broken.
        expect: What fails when it is run.
    """
    lines = [f"# {line}" for comment in comments for line in textwrap.wrap(comment, _WIDTH, break_on_hyphens=False)]
    lines += [f"# {line}" for line in commands]
    load = scenario.load
    streaming = f", streaming: {share_text(load.streaming)}" if load.streaming else ""
    lines += [
        f"name: {name}",
        f"title: {_quoted(title[0].upper() + title[1:])}",
        f"chain: {_quoted(chain)}",
        f"seed: {scenario.seed}",
        f"load: {{{_rate(load)}, arrivals: {load.arrivals}{streaming}, deadline: {duration_text(load.deadline)}}}",
        f"phases: {{{', '.join(f'{phase}: {duration_text(length)}' for phase, length in scenario.phases.items())}}}",
        "faults:" if scenario.faults else "faults: []",
        *(line for fault in scenario.faults for line in _fault_lines(fault)),
    ]
    lines += ["expect:", *(f"  - {text}" for text in expect)] if expect else []
    return "\n".join(lines) + "\n"


def _rate(load: Load) -> str:
    if load.rate is not None:
        return f"rate: {load.rate:g}/s"
    steps = (
        f"{{rate: {step.rate:g}/s, {'for' if step.over is None else 'over'}: {duration_text(step.over or step.for_ or 0)}}}"
        for step in load.shape
    )
    return f"shape: [{', '.join(steps)}]"


def _fault_lines(fault: Fault) -> list[str]:
    lines = [
        f"  - on: {_quoted(*fault.names)}",
        f"    at: {duration_text(fault.at or 0)}",
        f"    for: {duration_text(fault.for_ or 0)}",
        f"    inject: {{{', '.join(_written(fault.inject))}}}",
    ]
    lines += [f"    first: {fault.first}"] if fault.first is not None else []
    return lines + ([f"    share: {share_text(fault.share)}"] if fault.share < 1 else [])


def _written(inject: Inject) -> Iterable[str]:
    for field in fields(inject):
        value = getattr(inject, field.name)
        if value is not None:
            yield f"{field.name}: {duration_text(value) if field.name in _DURATIONS else value}"


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"
