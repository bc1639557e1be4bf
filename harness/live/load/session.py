"""The calls of one load process: it warms the chain up, sends every arrival, and records how each ended.

The same code runs in a load of one process and in each worker of a larger one; only where the start message and the origin
come from differs.
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent.event import AsyncResult
from locust import FastHttpUser, constant
from locust.env import Environment
from locust.exception import StopUser
from locust.stats import get_stats_summary

from harness.history.records import WARMUP, RequestRecord
from harness.live.load.arrivals import drive
from harness.live.load.caller import Caller, PlannedCall
from harness.messages import LoadDone, LoadReady, LoadStart, WarmupCall, WarmupResult
from harness.part import TICK_S, LoopWatch
from harness.store import Capture

WARMUP_NS = 60 * 10**9


class Session:
    """What a load process does with its start message.

    Args:
        start: The start message.
        environment: Locust's, which counts the requests.
        process: Name of this process in its rows.
        say: Sends `LoadReady` and `LoadDone` to whoever sent the start message.

    Attributes:
        origin: Set to the run's origin, in absolute monotonic nanoseconds, when it is known.
        end: Set to an exception when something breaks; its owner sets it when all is over.
        capture: Where rows go; None where nothing is recorded.
        web_ui: Where Locust's web UI is; None where there is none.
        user: The Locust user. There must be one: it starts a greenlet for each planned arrival.
    """

    def __init__(
        self,
        start: LoadStart,
        environment: Environment,
        *,
        process: str,
        say: Callable[[object], None],
        end: AsyncResult,
    ) -> None:
        self.start = start
        self.origin: AsyncResult = AsyncResult()
        self.end = end
        self.capture = Capture(Path(start.capture), process) if start.capture else None
        self.web_ui: str | None = None
        self.user = _user(self)
        self._environment = environment
        self._process = process
        self._say = say
        self._outcomes: Counter[str] = Counter()
        _allow_files(start.pool)

    def guard(self, work: Callable[..., None], *args: Any) -> None:
        """Do some work, and end everything if it raises: Locust would only log the error and start the user again."""
        guarded(self.end, work, *args)

    def close(self) -> None:
        """Write what is left of the rows."""
        if self.capture is not None:
            self.capture.close()

    def watch_loop(self) -> None:
        """Write health records, as `harness.part.watch_loop` does."""
        if self.capture is None:
            return
        watch = LoopWatch(self.capture, self._process)
        while True:
            began_ns = time.monotonic_ns()
            gevent.sleep(TICK_S)
            watch.woke(began_ns)

    def drive(self, user: Any) -> None:
        """Do the Locust user's one task: warm the chain up, get ready, send every arrival, and report that it is done."""
        caller = Caller(self.start, user, self._report)
        warmed = tuple(self._warm_up(caller, call) for call in self.start.warmup)
        gc.collect()
        gc.freeze()  # the plan stays for good; a collection in mid-run must not walk through it
        self._outcomes.clear()
        self._say(LoadReady(warmup=warmed, web_ui=self.web_ui))
        drive(self.start, caller, self.origin.get(), self.end.set_exception)
        found = self._outcomes
        sys.stderr.write("\n".join(get_stats_summary(self._environment.stats, current=False)) + "\n")
        self._say(
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
        self._environment.events.request.fire(
            request_type="POST",
            name=f"{record.kind}, streamed" if record.streaming else record.kind,
            response_time=taken_ns / 1e6,
            response_length=record.text_chars or 0,
            exception=failed,
            context={},
        )


def guarded(end: AsyncResult, work: Callable[..., None], *args: Any) -> None:
    """Do some work, and pass on what it raises as the end of everything."""
    try:
        work(*args)
    except Exception as error:
        end.set_exception(error)


class CallFailed(Exception):  # noqa: N818 - a name for Locust's table of failures, never raised
    """How a request failed, for Locust's statistics."""


def _user(session: Session) -> type:
    """Return the Locust user of a session."""
    calls = len(session.start.arrivals) + len(session.start.warmup)

    class LocustUser(FastHttpUser):  # type: ignore[misc] # Locust has no types for it
        wait_time = constant(0)
        concurrency = calls + 1  # connections; the pool of greenlets is the real bound
        network_timeout = None  # the callers' deadlines are the only ones
        connection_timeout = None
        insecure = False

        def drive(self) -> None:
            session.guard(session.drive, self)
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
