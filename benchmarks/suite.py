"""How long a suite takes beside the sum of its scenarios' own lengths: the whole catalogue on LiteLLM's Router, live.

Speed must not cost correctness, so the table also shows how many runs were out of CPU or had late arrivals.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rig.result import Row, limited, tell

ROOT = Path(__file__).parents[1]
CHAIN = ROOT / "scenarios" / "chains" / "gpt4-azure-claude.yaml"
STARVED = ("out of CPU", "went out", "not steady")
"""Words of the reasons that a run gives when the machine could not keep up."""


def scenarios() -> Path:
    """Return the catalogue; the scenarios beside it where there is none."""
    catalogue = ROOT / "scenarios" / "catalogue"
    return catalogue if catalogue.is_dir() else ROOT / "scenarios"


def suite() -> list[Row]:
    """Run them all and return the ratio."""
    with tempfile.TemporaryDirectory() as reports:
        command = [sys.executable, "-m", "harness", "suite", str(scenarios()), "--chain", str(CHAIN), "--json"]
        began = time.monotonic()
        done = subprocess.run(
            [*command, "--reports", reports], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
        )
        wall_s = time.monotonic() - began
    card = json.loads(done.stdout)
    runs = [run for cell in card["cells"] for run in cell["runs"]]
    starved = [run for run in runs if any(word in reason for reason in run["reasons"] for word in STARVED)]
    return [
        limited("wall time of the suite / sum of its runs' own lengths", wall_s / card["own_s"], "", 1 / 3),
        Row(what="wall time", measured=wall_s, unit="s"),
        Row(what="sum of the runs' own lengths", measured=card["own_s"], unit="s"),
        Row(what="runs", measured=len(runs), unit=""),
        limited("runs that the machine could not keep up with", len(starved), "", 0),
        limited("runs that the harness failed in", sum(bool(run["error"]) for run in runs), "", 0),
    ]


if __name__ == "__main__":
    tell("suite", suite)
