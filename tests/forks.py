"""Programs that take seconds to import what they need, run as forks of one process that has imported it."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
_PROGRAM = Path(__file__).with_name("fork_program.py")


class Done(NamedTuple):
    """A program that has ended: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


class Forks:
    """Runs programs in forks of a process, which ends when this one does.

    Args:
        modules: What the process imports.
        environ: Its environment.
        path: Further folders that it imports from.
    """

    def __init__(self, modules: Sequence[str], *, environ: Mapping[str, str], path: Sequence[Path] = ()) -> None:
        command = [sys.executable, "-P", str(_PROGRAM), json.dumps([list(map(str, path)), list(modules)])]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, bufsize=0)
        assert process.stdin is not None
        assert process.stdout is not None
        self._calls, self._answers = process.stdin, process.stdout
        atexit.register(process.wait)
        atexit.register(process.stdin.close)

    def run(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: Path = ROOT,
        given: bytes = b"",
        timeout_s: float = 120,
    ) -> Done:
        """Run a program.

        Args:
            program: A module, as after `python -m`, or the path of a file.
            arguments: After its name.
            environ: Its environment.
            cwd: Its working directory.
            given: Its standard input.
            timeout_s: How long it may take, in seconds.

        Raises:
            TimeoutError: It took longer, and was ended with all that it had started.
        """
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, name) for name in ("in", "out", "err")]
            files[0].write_bytes(given)
            call = [program, list(arguments), str(cwd), dict(environ), list(map(str, files))]
            self._calls.write(json.dumps(call).encode() + b"\n")
            pid = int(self._answers.readline())
            in_time = bool(select.select([self._answers], [], [], timeout_s)[0])
            if not in_time:
                os.killpg(pid, signal.SIGKILL)
            code = int(self._answers.readline())
            if not in_time:
                raise TimeoutError(f"{program} {' '.join(arguments)}: no end after {timeout_s:g} s")
            return Done(code, files[1].read_text("utf-8"), files[2].read_text("utf-8"))
