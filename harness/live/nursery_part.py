"""The process that forks parts: `python -m harness.live.nursery_part MODULE`. See harness/live/nursery.py.

Nothing here may start a thread or an event loop: a fork takes along only the thread that forks.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from harness import part
from harness.lines import read, write
from harness.live.nursery_messages import Born, Ended, NurseryStart
from harness.messages import Ready


def main() -> int:
    """Import a part's program, and fork it on every request, until standard input ends."""
    module = sys.argv[1]
    program = importlib.import_module(f"{module}.__main__")
    preload = getattr(program, "preload", None)  # what the program imports late
    if preload is not None:
        preload()
    if threading.active_count() > 1:
        sys.stderr.write(f"{module} has started a thread: it cannot be forked\n")
        return 1
    gc.collect()
    gc.freeze()  # so that collections in the parts do not copy these pages
    line = b""
    while not line.endswith(b"\n"):
        if not (piece := os.read(0, 1)):  # not by sys.stdin, whose buffer the parts would inherit
            return 0
        line += piece
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(read(line, NurseryStart).socket)
        door.listen(1)
        os.write(1, write(Ready()))
        tie, _ = door.accept()
    with tie:
        _serve(tie, program.main)
    return 0


def _serve(tie: socket.socket, program: Callable[[], int]) -> None:
    woken_fd, wakeup_fd = os.pipe()
    os.set_blocking(wakeup_fd, False)
    os.set_blocking(woken_fd, False)
    signal.set_wakeup_fd(wakeup_fd, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    inputs = selectors.PollSelector()  # not epoll, which the parts would share
    for number in (0, tie.fileno(), woken_fd):
        inputs.register(number, selectors.EVENT_READ)
    pids: set[int] = set()
    while True:
        ready = {key.fd for key, _ in inputs.select()}
        if woken_fd in ready:
            os.read(woken_fd, 4096)
            _reap(pids, tie)
        if 0 in ready and not os.read(0, 4096):
            return
        if tie.fileno() in ready:
            asked, streams, _, _ = socket.recv_fds(tie, 1, 3)
            if not asked:
                return
            pid = os.fork()
            if pid == 0:
                tie.close()
                _become(program, streams, spare=(woken_fd, wakeup_fd))
            pids.add(pid)
            for stream in streams:
                os.close(stream)
            tie.sendall(write(Born(pid=pid)))


def _reap(pids: set[int], tie: socket.socket) -> None:
    for pid in list(pids):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            pids.discard(pid)
            tie.sendall(write(Ended(pid=pid, code=os.waitstatus_to_exitcode(status))))


def _become(program: Callable[[], int], streams: list[int], *, spare: tuple[int, ...]) -> NoReturn:
    """Be the part, in a process group of its own, and never return."""

    def run() -> int:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for number in spare:
            os.close(number)
        return program()

    part.become(run, streams)


if __name__ == "__main__":
    sys.exit(main())
