"""Say whether files are right, without running anything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import chain as chains
from harness.chain import Chain
from harness.chain.driver import DRIVERS, driver_of
from harness.document import read
from harness.errors import HarnessError
from harness.scenario.load import load
from harness.scenario.shipped import located


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """One file.

    Attributes:
        path: As the user named it; of ours, where it lies.
        summary: What it holds; empty if it is wrong.
        warnings: What is right but will not be carried over to the chain's host, in sentences.
        error: What is wrong; None if nothing.
    """

    path: Path
    summary: str = ""
    warnings: tuple[str, ...] = ()
    error: HarnessError | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        error = self.error
        found = None if error is None else {"problem": error.problem, "where": error.where, "hint": error.hint}
        return {
            "file": str(self.path.absolute()),
            "ok": error is None,
            "summary": self.summary,
            "warnings": list(self.warnings),
            "error": found,
        }


def check(path: Path, *, chain: Path | None = None) -> CheckedFile:
    """Return what a scenario, chain file or LiteLLM configuration holds, or what is wrong with it.

    Args:
        path: The file, or the name of one of our scenarios.
        chain: In place of the scenario's.
    """
    path = located(path)
    try:
        summary, hosted = _read(path, chain)
        warnings = driver_of(hosted).warnings(hosted, os.environ)
    except HarnessError as error:
        return CheckedFile(path=path, error=error)
    return CheckedFile(path=path, summary=summary, warnings=warnings)


def _read(path: Path, chain: Path | None) -> tuple[str, Chain]:
    data = read(path).data
    if isinstance(data, dict) and _chain_keys() & data.keys() and "phases" not in data:
        found = chains.load(path)
        return f"chain {found.name}: {' → '.join(found.order)} ({found.driver})", found
    loaded = load(path, chain=chain)
    plan = loaded.plan
    seconds = plan.end_ns / 10**9
    summary = (
        f"scenario {plan.name}: {len(plan.arrivals)} requests in {seconds:g} s, {len(plan.timeline.windows)} fault "
        f"windows, {len(plan.expectations)} expectations, chain {plan.chain.name}"
    )
    return summary, loaded.chain


def _chain_keys() -> set[str]:
    """Return top-level keys, one of which every chain file has."""
    own = {driver.configuration.key for driver in DRIVERS.own.values() if driver.configuration is not None}
    return {"providers", "config"} | own
