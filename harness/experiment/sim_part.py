"""A process that simulates a suite's runs: `python -m harness.experiment.sim_part`.

A part, as in harness/part.py: a start message in, `ready` out; then one line in for each run, and one line out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from harness.chain import Chain
from harness.errors import ExitCode, HarnessError
from harness.experiment.judging import judge_folder, judged
from harness.experiment.simulated import simulate
from harness.store import RunFolder, decode, encode


def main() -> int:
    """Simulate runs until standard input ends."""
    if sys.stdin.readline():
        _say({"ready": {}})
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        folder = RunFolder.open(Path(asked["run"]))
        try:
            _say(_simulated(folder, asked) if "chain" in asked else _judged(folder, asked))
        except Exception as bug:  # one run that cannot be judged must not take the others' answers with it
            _say({"problem": f"{type(bug).__name__}: {bug}"})
    return 0


def _simulated(folder: RunFolder, asked: dict[str, Any]) -> dict[str, Any]:
    plan = folder.plan()
    history, error = simulate(plan, decode(encode(asked["chain"]), Chain), folder, command=asked["command"])
    if history is None:
        history = folder.history()
    return {"judged": judged(plan, folder, history, error), "error": error and _told(error)}


def _judged(folder: RunFolder, asked: dict[str, Any]) -> dict[str, Any]:
    return {"judged": judge_folder(folder, asked["judge"], exit_code=ExitCode(asked["exit_code"]))}


def _told(error: HarnessError) -> dict[str, Any]:
    return {"problem": error.problem, "where": error.where, "hint": error.hint}


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
