"""The load process of a live run: Locust, headless, controlled over standard input and output like every other part.

It is started as `python -m harness.live.locustfile` and does on gevent what `harness.part` does on asyncio. Importing this
module patches the standard library for gevent, so no other process may import it.
"""

# ruff: noqa: E402 - gevent must patch sockets before anything imports them

from __future__ import annotations

import os

from gevent import monkey

monkey.patch_all(thread=False)  # threads stay real: the capture's writer must run while the event loop is busy
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # or Locust would patch them all the same

import gc
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent.event import AsyncResult
from gevent.fileobject import FileObjectPosix
from locust import FastHttpUser, constant
from locust.env import Environment
from locust.exception import StopUser
from locust.stats import get_stats_summary

from harness.errors import ExitCode, HarnessError
from harness.history.records import WARMUP, RequestRecord
from harness.lines import read
from harness.live.load.arrivals import drive
from harness.live.load.caller import Caller, PlannedCall
from harness.live.load.message import read_start
from harness.messages import Begin, LoadDone, LoadReady, LoadStart, WarmupCall, WarmupResult
from harness.part import TICK_S, LoopWatch, say
from harness.store import Capture

PROCESS = "load"
WARMUP_NS = 60 * 10**9
_CHUNK = 2**20


class Session:
    """One run of the load process: what the Locust user, the reader of standard input and `main` share.

    Attributes:
        start: The start message.
        messages: The runner's later messages, one line each; reading them lets other greenlets run.
        origin: Set to the run's origin when the runner sends it.
        end: Set when standard input ends, to an exception when something breaks.
    """

    def __init__(self, start: LoadStart, messages: Iterable[bytes]) -> None:
        self.start = start
        self.messages = messages
        self.capture = Capture(Path(start.capture), PROCESS) if start.capture else None
        self.origin: AsyncResult = AsyncResult()
        self.end: AsyncResult = AsyncResult()
        self.environment = Environment(user_classes=[_user(self)], host=start.base_url, catch_exceptions=False)
        self._outcomes: Counter[str] = Counter()

    def run(self) -> None:
        """Make all calls, and return when standard input has ended.

        Raises:
            Exception: Whatever went wrong in any greenlet.
        """
        runner = self.environment.create_local_runner()
        greenlets = [gevent.spawn(self._guard, self._listen), gevent.spawn(self._guard, self._watch_loop)]
        try:
            runner.start(1, spawn_rate=1)
            self.end.get()
        finally:
            gevent.killall(greenlets, block=False)
            runner.quit()
            if self.capture is not None:
                self.capture.close()

    def drive(self, user: Any) -> None:
        """Do the Locust user's one task: warm the chain up, get ready, send every arrival, and report that it is done."""
        self._guard(self._drive, user)

    def _drive(self, user: Any) -> None:
        caller = Caller(self.start, user, self._report)
        warmed = tuple(self._warm_up(caller, call) for call in self.start.warmup)
        gc.collect()
        gc.freeze()  # the plan stays for good; a collection in mid-run must not walk through it
        self._outcomes.clear()
        say(LoadReady(warmup=warmed))
        drive(self.start, caller, self.origin.get(), self.end.set_exception)
        found = self._outcomes
        sys.stderr.write("\n".join(get_stats_summary(self.environment.stats, current=False)) + "\n")
        say(
            LoadDone(
                sent=found.total() - found["dropped"],
                ok=found["ok"],
                truncated=found["truncated"],
                error=found["error"],
                deadline=found["deadline"],
                dropped=found["dropped"],
            )
        )

    def _warm_up(self, caller: Caller, call: WarmupCall) -> WarmupResult:
        now_ns = time.monotonic_ns()
        record, _reading = caller.call(
            PlannedCall(
                request_id=call.request_id,
                phase=WARMUP,
                model=call.model,
                part=call.part,
                scheduled_ns=now_ns,
                deadline_ns=now_ns + WARMUP_NS,
            )
        )
        return WarmupResult(model=call.model, ok=record.outcome == "ok", status=record.status, error=record.error)

    def _report(self, record: RequestRecord) -> None:
        """Record a request, and report it to Locust, whose own statistics then count from the intended start too."""
        if self.capture is not None:
            self.capture.put(record)
        self._outcomes[record.outcome] += 1
        if record.phase == WARMUP:
            return
        taken_ns = (record.end_ns or record.scheduled_ns) - record.scheduled_ns
        failed = None if record.outcome == "ok" else CallFailed(f"{record.outcome}: {record.error}")
        self.environment.events.request.fire(
            request_type="POST",
            name=f"{record.kind}, streamed" if record.streaming else record.kind,
            response_time=taken_ns / 1e6,
            response_length=record.text_chars or 0,
            exception=failed,
            context={},
        )

    def _listen(self) -> None:
        """Read the runner's messages until they end, which ends everything."""
        for line in self.messages:
            self.origin.set(read(line, Begin).origin_ns)
        self.end.set()

    def _watch_loop(self) -> None:
        """Write health records, as `harness.part.watch_loop` does."""
        if self.capture is None:
            return
        watch = LoopWatch(self.capture, PROCESS)
        while True:
            began_ns = time.monotonic_ns()
            gevent.sleep(TICK_S)
            watch.woke(began_ns)

    def _guard(self, work: Any, *args: Any) -> None:
        """Do some work, and end everything if it raises: Locust would only log the error and start the user again."""
        try:
            work(*args)
        except Exception as error:
            self.end.set_exception(error)


class CallFailed(Exception):  # noqa: N818 - a name for Locust's table of failures, never raised
    """How a request failed, for Locust's statistics."""


def _user(session: Session) -> type:
    """Return the Locust user. There is one: it starts a greenlet for each planned arrival."""
    calls = len(session.start.arrivals) + len(session.start.warmup)

    class LocustUser(FastHttpUser):  # type: ignore[misc] # Locust has no types for it
        wait_time = constant(0)
        concurrency = calls + 1  # connections; the pool of greenlets is the real bound
        network_timeout = None  # the callers' deadlines are the only ones
        connection_timeout = None
        insecure = False

        def drive(self) -> None:
            session.drive(self)
            raise StopUser

        tasks: ClassVar = [drive]

    return LocustUser


def _allow_files(connections: int) -> None:
    """Raise the limit on open files as far as possible: the usual 1024 would end a load in mid-run."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + 200
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> int:
    """Run the load process to its end; return its exit code."""
    gc.set_threshold(50_000, 20, 20)  # as in every part: full collections are stalls of our own making
    if sys.stdin is None:
        return ExitCode.PASS
    messages = FileObjectPosix(sys.stdin.fileno(), "rb", bufsize=_CHUNK, close=False)
    try:
        line = messages.readline()
        if line:
            start = read_start(line)
            _allow_files(start.pool)
            Session(start, messages).run()
    except HarnessError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except Exception:
        traceback.print_exc()
        return ExitCode.HARNESS
    return ExitCode.PASS


if __name__ == "__main__":
    sys.exit(main())
