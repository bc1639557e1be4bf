"""Kills itself at each line of the code that changes a file: `python -m tests.experiment.chain_files.killed_child FOLDER`.

Standard output gets one object: how many lines there were to die at, and what was wrong afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from harness.chain.masking import changes
from harness.experiment.chain_files import applying
from harness.experiment.chain_files.audit import digest, in_place, locked
from harness.experiment.chain_files.proposal import previous
from tests.experiment.chain_files.files import NEW, OLD, beside, lines, proposal

WATCHED = ("chain_files/applying.py", "chain_files/placing.py", "chain_files/audit.py")


def quiet(_text: str) -> None:
    """Print nothing."""


def dying(work: Callable[[], object], at: int) -> int:
    """Do something in a fork that is killed when it comes to its nth line of ours; return how it ended."""
    pid = os.fork()
    if pid == 0:
        met = 0

        def trace(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal met
            if not frame.f_code.co_filename.endswith(WATCHED):
                return None
            if event == "line":
                met += 1
                if met == at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wrong(path: Path, target: bytes) -> list[str]:
    """Return what is wrong with a file whose change was cut short, and whether it can be changed afterwards."""
    found = []
    held = path.read_bytes()
    if held not in (OLD, NEW):
        found.append(f"neither the old nor the new file: {held[:40]!r}")
    if path.stat().st_mode & 0o777 != 0o600:
        found.append("others can read it")
    written = (*beside(path)["backups"], *beside(path)["unfinished"])
    found += [f"others can read {each.name}" for each in written if each.stat().st_mode & 0o077]
    if held != target:
        applying.apply(proposal(path, held, target), None, None, quiet)
    if path.read_bytes() != target or beside(path)["unfinished"] or beside(path)["others"]:
        found.append(f"not as it should be after the next one: {beside(path)}")
    return found


def applied_and_killed(folder: Path, at: int) -> tuple[int, list[str]]:
    """Put a file in place, and die at the nth line."""
    path = begin(folder, OLD)
    code = dying(lambda: applying.apply(proposal(path), None, None, quiet), at)
    held = path.read_bytes()
    with locked(path) as log:
        line = in_place(log.lines(), digest(held))
    found = [] if (line is not None) == (held == NEW) else ["the log does not know what is in place"]
    return code, [*found, *wrong(path, NEW)]


def undone_and_killed(folder: Path, at: int) -> tuple[int, list[str]]:
    """Take a change back, and die at the nth line; a second try is as good."""
    path = begin(folder, OLD)
    applying.apply(proposal(path), None, None, quiet)
    back = previous(path)
    code = dying(lambda: applying.apply(back, None, None, quiet), at)
    held = path.read_bytes()
    if held == NEW:
        applying.apply(previous(path), None, None, quiet)
    found = [] if path.read_bytes() == OLD else ["the second undo did not work"]
    kinds = [line["did"] for line in lines(path)]
    return code, [*found, *(["the log lost a line"] if kinds[0] != "apply" else []), *wrong(path, OLD)]


def begin(folder: Path, raw: bytes) -> Path:
    """Return a file in an empty folder."""
    for each in folder.iterdir():
        each.unlink()
    path = folder / "litellm-config.yaml"
    path.write_bytes(raw)
    path.chmod(0o600)
    return path


def main(folder: Path) -> None:
    """Die at every line, until a change comes to its end."""
    result: dict[str, Any] = {}
    list(changes({}, {}))
    for name, work in (("apply", applied_and_killed), ("undo", undone_and_killed)):
        at, problems = 0, []
        code = -signal.SIGKILL
        while code != 0:
            at += 1
            code, found = work(folder, at)
            problems += [f"line {at}: {each}" for each in found]
        result[name] = {"lines": at - 1, "problems": problems}
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
