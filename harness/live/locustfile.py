"""The load of a live run: Locust, headless, controlled over standard input and output like every other part.

It is started as `python -m harness.live.locustfile`, and its start message decides what it is: the whole load, the master of
several workers, or one of them. It does on gevent what `harness.part` does on asyncio. Importing this module patches the
standard library for gevent, so no other process may import it.
"""

# ruff: noqa: E402 - gevent must patch sockets before anything imports them

from __future__ import annotations

import os

from gevent import monkey

monkey.patch_all(thread=False)  # threads stay real: the capture's writer must run while the event loop is busy
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # or Locust would patch them all the same

import gc
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress

from gevent.fileobject import FileObjectPosix

from harness.errors import ExitCode, HarnessError
from harness.live.load.alone import PROCESS, run_alone
from harness.live.load.master import LoadMaster
from harness.live.load.message import read_start
from harness.live.load.worker import LoadWorker
from harness.live.worker_messages import GaveUp, JoinStart, MasterStart
from harness.messages import LoadStart, Refused
from harness.part import say

_CHUNK = 2**20


def main() -> int:
    """Run the load process to its end; return its exit code."""
    gc.set_threshold(50_000, 20, 20)  # as in every part: full collections are stalls of our own making
    if sys.stdin is None:
        return ExitCode.PASS
    messages = FileObjectPosix(sys.stdin.fileno(), "rb", bufsize=_CHUNK, close=False)
    name = PROCESS
    try:
        if line := messages.readline():
            start = read_start(line)
            name = (start.name or "worker") if isinstance(start, JoinStart) else PROCESS
            _run(start, messages)
    except (HarnessError, OSError) as error:  # a full disk
        found = HarnessError.wrapping(error, where=name)
        say(GaveUp(error=Refused.of(found)))
        with suppress(OSError):  # the log may be on that disk
            sys.stderr.write(f"{found}\n")
        return found.exit_code
    except Exception:
        traceback.print_exc()
        return ExitCode.HARNESS
    return ExitCode.PASS


def _run(start: LoadStart | MasterStart | JoinStart, messages: Iterable[bytes]) -> None:
    match start:
        case LoadStart():
            run_alone(start, messages)
        case MasterStart():
            LoadMaster(start, messages).run()
        case JoinStart():
            LoadWorker(start, messages).run()


if __name__ == "__main__":
    sys.exit(main())
