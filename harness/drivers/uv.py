"""Installing packages by uv, for environments that are not our own."""

from __future__ import annotations

import os
import re
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
_SMALL = "idna"
"""A package that every index has."""
_REACH_S = 30.0
_FRAME = re.compile(r"^[\s×╰▶├─│]*(?:error: |hint: |cause: )?")
"""What uv puts before the lines of an error."""
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
    output = "\n".join(lines)
    if _UNSATISFIABLE in output and _OFFLINE not in output:
        raise UsageError(f"{what} cannot be installed", where="environment", known=last)
    hint = "the packages are downloaded the first time: connect this machine, or name an environment with `python:`"
    raise HarnessError(f"{what} could not be installed", where="environment", known=last, hint=hint)


def unreachable() -> str | None:
    """Return why uv could not download a package now, or None if it could."""
    try:
        command = [_program(), "pip", "compile", "-", "--no-cache", "--no-deps", "--quiet", "--color", "never"]
    except HarnessError as error:
        return error.problem
    limits = {"UV_HTTP_TIMEOUT": "5", "UV_HTTP_RETRIES": "0"}
    try:
        ran = subprocess.run(
            command,
            input=_SMALL,
            capture_output=True,
            text=True,
            env={**os.environ, **limits},
            cwd=tempfile.gettempdir(),
            timeout=_REACH_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_REACH_S:g} s"
    if ran.returncode == 0:
        return None
    lines = [_FRAME.sub("", line).strip() for line in ran.stderr.splitlines()]
    return next((line for line in reversed(lines) if line), f"uv ended with exit code {ran.returncode}")


def _program() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise HarnessError("there is no uv, which builds environments", where="environment", hint="pip install uv")
    return found
