"""What `tests.forks` starts: imports once, then forks for each call. It imports nothing of the tests."""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from importlib import import_module


def main() -> list[str] | None:
    """Answer each call with the fork's id, then with its exit code; in a fork return the program."""
    path, modules = json.loads(sys.argv[1])
    sys.path[:0] = path
    for name in modules:
        import_module(name)
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            return _become(*json.loads(line))
        _say(pid)
        _, status = os.waitpid(pid, 0)
        _say(os.waitstatus_to_exitcode(status))
    return None


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _become(program: str, arguments: list[str], cwd: str, environ: dict[str, str], files: list[str]) -> list[str]:
    """Take on what a program is started with: its own group, folder, environment, input and output."""
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for target, (name, flag) in enumerate(zip(files, flags, strict=True)):
        source = os.open(name, flag)
        os.dup2(source, target)
        os.close(source)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the program
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    return [program, *arguments]


if __name__ == "__main__":
    called = main()
    if called is not None:
        sys.argv = called
        if os.sep in called[0]:
            runpy.run_path(called[0], run_name="__main__")
        else:
            runpy.run_module(called[0], run_name="__main__", alter_sys=False)
