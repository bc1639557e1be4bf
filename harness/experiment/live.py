"""Carry one plan out live, and end it orderly whatever happens: what `run` and `suite` have in common."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Coroutine, Mapping
from contextlib import nullcontext
from types import FrameType
from typing import Any, TypeVar

from harness.chain.redact import secrets
from harness.chain.scrub import scrub
from harness.engines import Gate, Progress
from harness.errors import ExitCode, HarnessError
from harness.experiment.environment import environment
from harness.experiment.prepare import Loaded
from harness.live import engine
from harness.live.processes import Fork
from harness.live.toxiproxy import Binary
from harness.live.workers import ALONE, LoadSetup
from harness.store import RunFolder
from harness.watch.watching import Watch

T = TypeVar("T")


class Interrupted(HarnessError):  # noqa: N818 - not an error of anyone's
    """Somebody ended the run."""

    exit_code = ExitCode.INTERRUPTED


async def carry_out(
    loaded: Loaded,
    folder: RunFolder,
    *,
    binary: Binary,
    progress: Progress,
    command: str,
    gate: Gate | None = None,
    forks: Mapping[str, Fork] | None = None,
    brief: bool = False,
    setup: LoadSetup = ALONE,
    watch: Watch | None = None,
) -> HarnessError | None:
    """Run a plan on real parts; return why it did not come to its planned end, or None.

    Whatever was captured lies in the folder, and no log and no error shows a secret, also where it is cut short.

    Args:
        loaded: What to do, and the chain with its secrets.
        folder: Of this run.
        binary: Toxiproxy.
        progress: Told about each phase.
        command: The command line that repeats this run, for the report.
        gate: Where to wait for other runs before the measured part.
        forks: Makes parts that have done their imports, by the module they run.
        brief: End once the last request has ended, even before the plan's end.
        setup: In which processes the load runs.
        watch: Counts what happens while it happens.

    Raises:
        asyncio.CancelledError: Somebody ended it; every part has ended.
        OSError: The logs cannot be written.
    """
    error: HarnessError | None = None
    began_s = time.monotonic()
    try:
        facts = environment(toxiproxy=f"{binary.version} ({binary.source})", command=command, chain=loaded.chain)
        folder.write_environment(facts)
        async with watch.over(loaded.plan, folder.capture) if watch else nullcontext():
            ran = await engine.run(
                loaded.plan, loaded.chain, folder, binary, progress, gate=gate, forks=forks, brief=brief, setup=setup
            )
        warnings = [scrub(text, secrets(loaded.chain, os.environ)) for text in ran.warnings]
        wall_s = round(time.monotonic() - began_s, 3)
        ended = {"wall_s": wall_s, "warnings": warnings, "load": ran.load}
        folder.write_environment({**facts, **ended, **({"workers": ran.workers} if ran.workers else {})})
    except (HarnessError, OSError) as problem:  # a full disk, no more processes or descriptors
        error = HarnessError.wrapping(problem, where="runner")
    except Exception as bug:  # whatever was captured until then must still be kept
        (folder.logs / "runner.log").write_text(traceback.format_exc())
        error = HarnessError(
            f"{type(bug).__name__}: {bug}", where="runner", hint=f"a bug; see {folder.logs}/runner.log"
        )
    except BaseException:
        _hide_secrets(loaded, folder, Interrupted("interrupted"))
        raise
    _hide_secrets(loaded, folder, error)
    return error


def _hide_secrets(loaded: Loaded, folder: RunFolder, error: HarnessError | None) -> None:
    """Take the chain's secrets, which a user's gateway may have printed, out of the logs and out of an error."""
    hidden = secrets(loaded.chain, os.environ)
    if error is not None:  # it may quote the last lines of a log
        error.hide(lambda text: scrub(text, hidden))
    try:
        folder.rewrite_logs(lambda text: scrub(text, hidden))
    except OSError as problem:
        if error is None:  # else the first thing that went wrong is the one to report
            raise HarnessError.wrapping(problem, where=str(folder.path)) from None


def interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; the first signal that asks us to end cancels it, and its clean-up runs.

    Raises:
        Interrupted: There was such a signal.
    """

    async def main() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            raise Interrupted("interrupted", hint="what was captured until then is kept") from None

    signal.signal(signal.SIGTERM, interrupt)
    try:
        return asyncio.run(main())
    finally:
        signal.signal(signal.SIGTERM, interrupt)  # the loop has put the default back


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Take a signal for a Ctrl-C."""
    raise KeyboardInterrupt
