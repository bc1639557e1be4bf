"""Tie a foreign program to the life of the runner: `python -I -S tether.py GRACE_S PROGRAM ARGUMENT…`.

Toxiproxy or a user's gateway does not watch its standard input, so it would outlive a runner that is killed. This
script runs between: it leads the process group that the program and all its workers belong to, holds one end of a
pipe as standard input, and ends the group when the pipe does. Unlike Linux's parent-death signal this reaches the
workers too, works on every POSIX system, and needs no code between fork and exec in a runner that has threads.
"""

import os
import signal
import subprocess
import sys
import threading
import time


def main(grace_s: float, argv: list[str]) -> None:
    """Run the program to its end and end in the same way."""
    # A handler, not SIG_IGN, which the program would inherit: the group's SIGTERM is for the program, and we wait for it.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: None)
    try:
        program = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"cannot start {argv[0]}: {error.strerror}\n")
        sys.exit(127)
    threading.Thread(target=_hold, args=(grace_s, program), daemon=True).start()
    code = program.wait()
    sys.stderr.flush()
    if _cut.is_set():
        os.killpg(0, signal.SIGKILL)  # workers that the program left behind
    if code < 0:
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


_cut = threading.Event()


def _hold(grace_s: float, program: "subprocess.Popen[bytes]") -> None:
    """Wait until the runner lets go of the pipe, then end the group."""
    while os.read(0, 4096):
        pass
    _cut.set()
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while program.returncode is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
