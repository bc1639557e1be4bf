"""The process that judges a suite's runs: `python -m harness.experiment.judge_part`.

A part, as in harness/part.py: a start message in, `ready` out; then one line in for each run, and one line out.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from harness.errors import ExitCode
from harness.experiment.judging import judge_folder
from harness.store import RunFolder, encode

_LOWEST = 19


def main() -> int:
    """Judge runs until standard input ends."""
    os.nice(_LOWEST)
    if sys.stdin.readline():
        _say({"ready": {}})
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        try:
            folder = RunFolder.open(Path(asked["run"]))
            _say({"judged": judge_folder(folder, asked["error"], exit_code=ExitCode(asked["exit_code"]))})
        except Exception as bug:  # one run that cannot be judged must not take the others' answers with it
            _say({"problem": f"{type(bug).__name__}: {bug}"})
    return 0


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
