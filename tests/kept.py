"""Small folders as runs, suites and comparisons leave them, made by hand: thousands take seconds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)
_EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3}


def value(number: float | None, unit: str) -> dict[str, Any]:
    """Return a number as metrics.json has it."""
    return {"value": number, "ci": None, "samples": 100, "unit": unit}


def keep_run(
    reports: Path,
    began: datetime = BEGAN,
    *,
    scenario: str = "primary-429",
    chain: str = "gpt4",
    verdict: str | None = "pass",
    seed: int = 1,
    success: float = 1.0,
    p95_ns: float = 2e9,
    litellm: str = "1.106.2",
    order: tuple[str, ...] = ("openai", "azure"),
    page: bool = False,
) -> Path:
    """Make the folder of a run; one without a verdict was killed."""
    folder = reports / scenario / f"{began.strftime('%Y-%m-%dT%H-%M-%SZ')}-{seed}"
    folder.mkdir(parents=True)
    ran = {"name": chain, "driver": "litellm-router", "order": list(order)}
    write(folder / "plan.json", {"name": scenario, "seed": seed, "chain": ran})
    about = {"engine": "sim", "started": began.isoformat(timespec="seconds")}
    about |= {"chain": {"python": "3.11.7", "versions": {"litellm": litellm}}}
    write(folder / "environment.json", {**about, "versions": {"llm-fallback-harness": "0.1.0"}})
    if verdict is not None:
        numbers = {"success_rate": value(success, "share"), "latency_p95": value(p95_ns, "ns")}
        numbers |= {"fallback_overhead_p95": value(None, "ns"), "amplification": value(1.5, "ratio")}
        write(folder / "metrics.json", {"phases": {"run": numbers}, "providers": {}, "harness": {}})
        judge(folder, verdict)
    if page:
        (folder / "report.html").write_text("<!doctype html>")
    return folder


def judge(folder: Path, verdict: str) -> None:
    """Write a verdict."""
    answer = {"status": verdict, "exit_code": _EXIT_CODES[verdict], "reasons": [], "expectations": [], "findings": []}
    write(folder / "verdict.json", answer)


def keep_suite(reports: Path, *members: Path, began: datetime = BEGAN, ended: bool = True) -> Path:
    """Make the folder of a suite of some runs, whose paths are those of another machine."""
    folder = reports / "suites" / began.strftime("%Y-%m-%dT%H-%M-%SZ")
    folder.mkdir(parents=True)
    elsewhere = Path("/elsewhere/reports")
    runs = [{"run": str(elsewhere / path.relative_to(reports)), "ended": ended} for path in members]
    cells = [{"scenario": "primary-429", "chain": "gpt4", "status": "pass", "runs": runs}]
    started = began.isoformat(timespec="seconds")
    write(folder / "suite.json", {"status": "pass", "started": started, "engine": "sim", "cells": cells})
    return folder


def write(path: Path, data: dict[str, Any]) -> None:
    """Write a file of a folder."""
    path.write_text(json.dumps({"format": 2, **data}))
