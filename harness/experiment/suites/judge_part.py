"""The process that judges a suite's runs: `python -m harness.experiment.suites.judge_part`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness import part
from harness.errors import ExitCode, HarnessError
from harness.experiment.suites.judge_process import Judged, JudgeRun, judge_folder
from harness.messages import Failed
from harness.store import RunFolder

_LOWEST = 19


def main() -> int:
    """Judge runs until standard input ends."""
    os.nice(_LOWEST)
    return part.answer({JudgeRun: judged})


def judged(asked: JudgeRun) -> Judged | Failed:
    """Judge one run. One that cannot be judged must not take the others' answers with it."""
    try:
        folder = RunFolder.open(Path(asked.run))
        return judge_folder(folder, asked.error, exit_code=ExitCode(asked.exit_code))
    except Exception as bug:
        return Failed(problem=HarnessError.wrapping(bug).headline)


if __name__ == "__main__":
    sys.exit(main())
