"""Runs of suites for the pages that show what chains do under the smoke suite."""
# ruff: noqa: INP001  -- part of scripts, in no package

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / "scenarios" / "smoke"
CHATS = tuple(path.stem for path in sorted(SMOKE.glob("*.yaml")) if path.stem not in ("embeddings", "tools"))
"""Those that every chain and version can carry."""


def suite(files: Sequence[str], *options: str) -> list[Mapping[str, Any]]:
    """Run a suite as a user does, and return its cells.

    Args:
        files: Scenarios, or folders of them; relative to the project.
        options: Of `harness suite`.

    Raises:
        SystemExit: It did not run.
    """
    command = [sys.executable, "-m", "harness", "suite", *files, *options, "--json"]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False, cwd=ROOT).stdout)
    if "cells" not in found:
        raise SystemExit(f"{' '.join(options)}: {found}")
    cells: list[Mapping[str, Any]] = found["cells"]
    return cells


def in_fault(run: Path) -> dict[str, float | None]:
    """Return the values of a run's metrics in the phase in which its provider was broken."""
    phases = json.loads((run / "metrics.json").read_text("utf-8"))["phases"]
    return {name: metric["value"] for name, metric in (phases.get("fault") or phases["outage"]).items()}
