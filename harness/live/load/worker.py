"""One worker of a load: Locust's own, which joins a master, on this machine or elsewhere, and sends its share of the arrivals."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version
from urllib.parse import urlsplit

import gevent
from gevent import Timeout
from gevent.event import AsyncResult
from locust.env import Environment

import harness
from harness.errors import HarnessError
from harness.lines import read
from harness.live.load.clock import clock_name
from harness.live.load.collecting import cut
from harness.live.load.heartbeat import HEARTBEAT_S, MASTER_LOST_S, SETTING_UP_S, TICK_S, Silence
from harness.live.load.link import Link
from harness.live.load.session import Session, guarded
from harness.live.worker_messages import (
    Alive,
    ClockAnswer,
    ClockQuestion,
    Fetch,
    Join,
    JoinStart,
    Over,
    RowsPiece,
    Welcome,
)
from harness.messages import Begin, LoadDone, LoadStart, Refused
from harness.part import say

JOIN_S = 60.0
"""How long to wait for a master: it may be at its imports still."""
REACH_S = 5.0
HINT = "start `harness run … --expect-workers N --master HOST:PORT` there, and let the port through the firewall"


class LoadWorker:
    """One worker of one run.

    Args:
        start: The start message.
        messages: Of the process that started this one; their end ends the worker.
    """

    def __init__(self, start: JoinStart, messages: Iterable[bytes]) -> None:
        self._start = start
        self._messages = messages
        self._end: AsyncResult = AsyncResult()
        self._welcome: AsyncResult = AsyncResult()
        self._master = f"the master at {start.host}:{start.port}"
        self._silence = Silence()
        self._patience_s = SETTING_UP_S
        self._session: Session | None = None
        self._rows: Iterator[RowsPiece] | None = None
        self._environment = Environment(catch_exceptions=False)
        self._link: Link | None = None

    def run(self) -> None:
        """Join, send the share, and return when the run is over.

        Raises:
            Exception: The master refused this worker, or is gone; or whatever else went wrong.
        """
        greenlets = [gevent.spawn(guarded, self._end, each) for each in (self._listen, self._join)]
        try:
            self._end.get()
        except Exception as error:
            self._report(error)
            raise
        finally:
            gevent.killall(greenlets, block=False)
            if self._session is not None:
                self._session.close()

    def _report(self, error: Exception) -> None:
        """Show the master why this worker ends, if it is there to listen."""
        if self._link is not None:
            name = self._welcome.value.name if self._welcome.ready() else "worker"
            self._link.send(Refused.of(HarnessError.wrapping(error, where=name)))
            gevent.sleep(
                HEARTBEAT_S
            )  # a thread of the socket's own sends it, and the end of this process would end that

    def _listen(self) -> None:
        """Wait until whoever started this process lets go of it, which ends it."""
        for _line in self._messages:
            pass
        if self._start.capture is None and not self._end.ready():
            raise HarnessError("was ended on its own machine", where="worker")
        self._end.set()

    def _join(self) -> None:
        with Timeout(JOIN_S, HarnessError(f"no master answered within {JOIN_S:g} s", where=self._master, hint=HINT)):
            runner = self._environment.create_worker_runner(self._start.host, self._start.port)
        self._link = link = Link(runner, self._receive)
        link.send(
            Join(
                token=self._start.token,
                harness=harness.__version__,
                locust=version("locust"),
                name=self._start.name,
                clock=clock_name(),
                sends_rows=self._start.capture is None,
            )
        )
        gevent.spawn(guarded, self._end, self._watch)
        say(self._welcome.get())
        while True:
            link.send(Alive())
            gevent.sleep(HEARTBEAT_S)

    def _receive(self, _node: str, line: bytes) -> None:
        """Take a message of the master, in the greenlet that reads the socket: nothing here waits."""
        self._silence.end()
        guarded(self._end, self._take, line, time.monotonic_ns())

    def _take(self, line: bytes, heard_ns: int) -> None:
        assert self._link is not None
        match read(line, Alive, ClockQuestion, Welcome, Refused, LoadStart, Begin, Fetch, Over):
            case ClockQuestion():
                self._link.send(ClockAnswer(at_ns=heard_ns))
            case Welcome() as welcome:
                self._welcome.set(welcome)
            case Refused() as refused:
                self._link = None  # it knows
                error = refused.error()
                raise type(error)(f"refused this worker: {error.problem}", where=self._master, hint=error.hint)
            case LoadStart() as share:
                self._begin_session(share)
            case Begin() as begin:
                assert self._session is not None
                self._patience_s = MASTER_LOST_S
                self._session.origin.set(begin.origin_ns)
            case Fetch():
                self._send_rows()
            case Over() if self._start.capture is not None:
                pass  # the runner ends its own workers
            case Over(whole=True):
                self._end.set()
            case Over():
                self._link = None
                raise HarnessError("ended the run before its time", where=self._master, hint=self._kept)

    def _begin_session(self, share: LoadStart) -> None:
        """Start the one Locust user, as Locust does when its master asks for users."""
        capture = self._start.capture or self._start.scratch
        share = replace(share, capture=capture, base_url=self._reached(share))
        self._session = session = Session(
            share, self._environment, process=self._welcome.get().name, say=self._say, end=self._end
        )
        self._environment.user_classes = [session.user]
        self._environment.host = share.base_url
        gevent.spawn(session.guard, session.watch_loop)
        gevent.spawn(session.guard, self._environment.runner.start_worker, {session.user.__name__: 1})

    def _reached(self, share: LoadStart) -> str:
        """Return where this worker reaches the chain.

        Raises:
            HarnessError: It does not.
        """
        if share.relay_port is None or self._start.capture is not None:
            return share.base_url
        host, port = self._start.host, share.relay_port
        try:
            socket.create_connection((host, port), timeout=REACH_S).close()
        except OSError as error:
            problem = f"cannot reach the chain at {host}:{port}: {error.strerror or error}"
            raise HarnessError(problem, where="worker", hint="let that port through the firewall, too") from None
        return urlsplit(share.base_url)._replace(netloc=f"{host}:{port}").geturl()

    def _say(self, message: object) -> None:
        assert self._link is not None
        self._link.send(message)
        if isinstance(message, LoadDone):
            say(message)

    def _send_rows(self) -> None:
        assert self._link is not None
        assert self._session is not None
        if self._rows is None:
            self._environment.runner.stop()
            self._session.close()
            assert self._session.capture is not None
            self._rows = cut(self._session.capture.path)
        self._link.send(next(self._rows))

    def _watch(self) -> None:
        """End when the master is silent for too long: it was killed, or its machine is down."""
        before_s = time.monotonic()
        while True:
            gevent.sleep(TICK_S)
            now_s = time.monotonic()
            self._silence.tick(now_s - before_s)
            before_s = now_s
            if self._silence.lasts_s > self._patience_s:
                self._link = None
                problem = f"gone: no sign of life for {self._patience_s:g} s"
                raise HarnessError(problem, where=self._master, hint=self._kept)

    @property
    def _kept(self) -> str | None:
        """A hint at rows that the master does not have."""
        if self._start.capture is not None or self._session is None or self._session.capture is None:
            return None
        return f"the rows of this worker are in {self._session.capture.path}"
