"""Scenario and chain files as small as they get."""

from __future__ import annotations

from pathlib import Path

from tests.plans import chain_file

SCENARIO = """\
name: {name}
title: What {name} does
chain: chain.yaml
load: {{rate: {rate}/s, arrivals: constant}}
phases: {{baseline: {baseline_s}s, fault: 5s}}
faults:
  - {{on: primary, during: fault, inject: {{status: 503}}}}
expect: [success_rate >= 50%]
"""


def chain(folder: Path, name: str = "chain", *, listen: str = "") -> Path:
    """Write a chain file and return its path."""
    path = folder / f"{name}.yaml"
    text = chain_file("openai", "azure", driver="litellm-router", name=name)
    path.write_text(text.replace("}", f", listen: '{listen}'}}", 1) if listen else text)
    return path


def scenario(folder: Path, name: str, *, baseline_s: float = 5, rate: float = 1) -> Path:
    """Write a scenario file and return its path; its own chain is `chain.yaml` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "chain.yaml").exists():
        chain(folder)
    path = folder / f"{name}.yaml"
    path.write_text(SCENARIO.format(name=name, rate=rate, baseline_s=baseline_s))
    return path


class NoProgress:
    """Shows nobody how far a comparison is."""

    def phase(self, name: str, total_s: float | None = None) -> None:
        """Begin a named part of the work."""

    def count(self, done: int, total: int) -> None:
        """Set how many runs of a part are done."""

    def say(self, text: str) -> None:
        """Show a line of text."""
