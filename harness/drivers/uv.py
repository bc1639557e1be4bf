"""Installing packages by uv, for environments that are not our own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import HarnessError, UsageError

Say = Callable[[str], None]
"""Shows one thing worth knowing."""

_SHOWN = ("Resolved", "Prepared", "Building", "Built", "Installed")
_TAIL_LINES = 8
_UNSATISFIABLE = "No solution found"
_OFFLINE = "network was disabled"


def to_stderr(text: str) -> None:
    """Show it on standard error, where it disturbs no output that a program reads."""
    sys.stderr.write(f"{text}\n")


def uv(arguments: Sequence[str], *, what: str, say: Say) -> None:
    """Run uv, which downloads packages that it has not kept.

    Args:
        arguments: Its arguments.
        what: What it is to get; begins a sentence.
        say: Shown each of its steps.

    Raises:
        UsageError: There are no such packages, or none that go together.
        HarnessError: They could not be downloaded or built, or there is no uv.
    """
    command = [_program(), *arguments, "--color", "never", "--no-progress"]
    lines = []
    # The user's own settings of uv, such as an index, count; those of a project in the working directory do not.
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tempfile.gettempdir(),
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line.rstrip())
            if line.lstrip().startswith(_SHOWN):
                say(f"  {line.strip()}")
    if process.returncode == 0:
        return
    last = "\n    ".join(["uv's last output:", *lines[-_TAIL_LINES:]])
    told = "\n".join(lines)
    if _UNSATISFIABLE in told and _OFFLINE not in told:
        raise UsageError(f"{what} cannot be installed", where="environment", known=last)
    hint = "the packages are downloaded the first time: connect this machine, or name an environment with `python:`"
    raise HarnessError(f"{what} could not be installed", where="environment", known=last, hint=hint)


def _program() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise HarnessError("there is no uv, which builds environments", where="environment", hint="pip install uv")
    return found
