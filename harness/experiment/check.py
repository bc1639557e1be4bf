"""Say whether files are right, without running anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import chain as chains
from harness.document import read
from harness.errors import HarnessError
from harness.scenario.load import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One file.

    Attributes:
        path: As the user named it.
        summary: What it holds; empty if it is wrong.
        error: What is wrong; None if nothing.
    """

    path: Path
    summary: str = ""
    error: HarnessError | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        error = self.error
        found = None if error is None else {"problem": error.problem, "where": error.where, "hint": error.hint}
        return {"file": str(self.path.absolute()), "ok": error is None, "summary": self.summary, "error": found}


def check(path: Path, *, chain: Path | None = None) -> Checked:
    """Return what a scenario, chain file or LiteLLM configuration holds, or what is wrong with it.

    Args:
        path: The file.
        chain: In place of the scenario's.
    """
    try:
        return Checked(path=path, summary=_summary(path, chain))
    except HarnessError as error:
        return Checked(path=path, error=error)


def _summary(path: Path, chain: Path | None) -> str:
    data = read(path).data
    if isinstance(data, dict) and ("providers" in data or "model_list" in data) and "phases" not in data:
        found = chains.load(path)
        return f"chain {found.name}: {' → '.join(found.order)} ({found.driver})"
    plan = load(path, chain=chain).plan
    seconds = plan.end_ns / 10**9
    return (
        f"scenario {plan.name}: {len(plan.arrivals)} requests in {seconds:g} s, {len(plan.timeline.windows)} fault "
        f"windows, {len(plan.expectations)} expectations, chain {plan.chain.name}"
    )
