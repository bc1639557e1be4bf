"""A load of several processes: what a run asks for, and one worker that joins it from elsewhere."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.engines import Engine
from harness.errors import HarnessError, UsageError
from harness.experiment.live import interruptible
from harness.extras import LIVE
from harness.live.processes import OwnedProcess
from harness.live.worker_messages import JoinStart, Welcome
from harness.live.workers import ALONE, LOAD_PART, LoadSetup
from harness.messages import LoadDone

TOKEN = "HARNESS_TOKEN"  # noqa: S105 - the name of the variable
TOKEN_CHARS_MIN = 16
ANYWHERE = "127.0.0.1:0"
JOIN_S = 180.0
"""How long a worker may take to be let in: its imports, and the wait for a master."""
_NEW_TOKEN = "python3 -c 'import secrets; print(secrets.token_hex(16))'"  # noqa: S105 - makes one


def load_setup(engine: Engine, *, workers: int, expected: int, master: str | None, web_ui: bool) -> LoadSetup:
    """Return in which processes the load of a run is to run.

    Args:
        engine: Of the run.
        workers: How many to start on this machine.
        expected: How many come from elsewhere.
        master: Where they join, `host:port`; any free port of the loopback if None.
        web_ui: Serve Locust's web UI.

    Raises:
        UsageError: The address or the token is wrong, or a simulation has no load processes.
    """
    if master is not None and not (workers or expected):
        raise UsageError("no worker is to join there", where="--master", hint="add --expect-workers N")
    if not (workers or expected or web_ui):
        return ALONE
    if engine is not Engine.LIVE:
        option = "--workers" if workers else "--expect-workers" if expected else "--locust-ui"
        raise UsageError("a simulation has no load processes", where=option, hint="leave out --engine sim")
    host, port = _address(master or ANYWHERE, port_min=0)
    return LoadSetup(
        workers=workers,
        expected=expected,
        host=_number(host),
        port=port,
        token=_token() if expected else None,
        web_ui=web_ui,
    )


def join(master: str, *, joined: Callable[[str], None]) -> LoadDone:
    """Be a worker of a run's load until the run is over; return the counts of its requests.

    Args:
        master: Where to join, `host:port`.
        joined: Told the worker's name once it belongs to the run.

    Raises:
        UsageError: The address or the token is wrong, or something is not installed.
        HarnessError: The master refused it or is gone; rows that it does not have are kept, and the error names their file.
    """
    LIVE.need()
    host, port = _address(master, port_min=1)
    folder = Path(tempfile.mkdtemp(prefix="harness-worker-"))
    start = JoinStart(host=host, port=port, token=_token(), scratch=str(folder))
    try:
        done = interruptible(_carried_out(start, folder, joined))
    except HarnessError:
        if not any(folder.glob("*.jsonl")):
            shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
    return done


async def _carried_out(start: JoinStart, folder: Path, joined: Callable[[str], None]) -> LoadDone:
    async with OwnedProcess("worker", LOAD_PART, log=folder / "worker.log", part=True) as worker:
        joined((await worker.ready(start, Welcome, timeout_s=JOIN_S)).name)
        done = await worker.receive(LoadDone)
        await worker.over()
        return done


def _token() -> str:
    token = os.environ.get(TOKEN, "")
    if len(token) < TOKEN_CHARS_MIN:
        problem = f"has fewer than {TOKEN_CHARS_MIN} characters" if token else "is not set"
        hint = f"the same on the runner's machine and on each worker's: export {TOKEN}=$({_NEW_TOKEN})"
        raise UsageError(f"{problem}: it lets workers in", where=TOKEN, hint=hint)
    return token


def _address(text: str, *, port_min: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or not port_min <= int(port) < 2**16:
        raise UsageError(f"{text!r} is not an address", where="--master", known="HOST:PORT, such as 127.0.0.1:5557")
    return host.strip("[]"), int(port)


def _number(host: str) -> str:
    """Return the address of a host of this machine's, which is what Locust's master can listen on."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(
            f"{host!r}: {error.strerror or error}", where="--master", hint="name an address of this machine"
        ) from None
    return str(found[0][4][0])
