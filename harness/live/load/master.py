"""The master of a load that several workers share: Locust's own, headless, controlled by the runner like any part.

It sends no request itself. Each worker gets its share of the arrivals and the origin by its own clock, and sends them as a load
of one process would. The master never starts Locust's own test: that would hand a lost worker's user to another one, which would
begin the plan again.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import gevent
from gevent import Timeout
from gevent.event import AsyncResult, Event
from locust import FastHttpUser
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import STATE_RUNNING

from harness.errors import HarnessError
from harness.lines import LINE_BYTES_MAX, read
from harness.live.load.alone import PROCESS
from harness.live.load.clock import ClockEstimate, RoundTrip, clock_name, estimate
from harness.live.load.collecting import save
from harness.live.load.heartbeat import HEARTBEAT_S, LOST_S, SETTING_UP_S, TICK_S
from harness.live.load.link import Link
from harness.live.load.members import Member, Members
from harness.live.load.message import check_headers
from harness.live.load.session import guarded
from harness.live.load.shares import shares
from harness.live.load.web_ui import serve_web_ui
from harness.live.worker_messages import (
    Alive,
    AllJoined,
    ClockAnswer,
    ClockQuestion,
    Fetch,
    Join,
    MasterReady,
    MasterStart,
    Notice,
    Over,
    RowsPiece,
    Welcome,
    WorkersDone,
)
from harness.messages import Begin, LoadDone, LoadReady, LoadStart, Refused
from harness.part import say
from harness.store import Capture, WorkerClock

GATHER_S = 120.0
"""How long to wait for all workers: long enough to start one by hand."""
JOIN_BYTES_MAX = 2**16
"""The longest message of a process that was not let in."""
ROUND_TRIPS = 200
CLOCK_S = 1.0
"""How long the round trips to one worker may take in all; there is at least one."""
RESCUE_S = 20.0
"""How long the rows of the other workers may take after one was lost."""
CUT_SHORT_S = 2.0
"""The same where the runner is ending everything."""


class LoadMaster:
    """The master of one run.

    Args:
        start: The start message.
        messages: The runner's later messages, one line each; reading them lets other greenlets run.
    """

    def __init__(self, start: MasterStart, messages: Iterable[bytes]) -> None:
        self._messages = messages
        self._members = Members(start, clock_name())
        self._folder = Path(start.capture) if start.capture else None
        self._capture = Capture(self._folder, PROCESS) if self._folder else None
        self._end: AsyncResult = AsyncResult()
        self._plan: AsyncResult = AsyncResult()
        self._origin: AsyncResult = AsyncResult()
        self._changed = Event()
        self._patience_s = SETTING_UP_S
        self._lost: Member | None = None
        self._environment = Environment(user_classes=[FastHttpUser])
        self._runner = _listening(self._environment, start.host, start.port)
        self._link = Link(self._runner, self._receive, self._limit)

    def run(self) -> None:
        """Carry the run out, and return when standard input has ended.

        Raises:
            Exception: A worker was lost, or whatever else went wrong.
        """
        greenlets = [gevent.spawn(guarded, self._end, work) for work in (self._listen, self._conduct, self._watch)]
        beat = gevent.spawn(guarded, self._end, self._beat)
        rescue_s = RESCUE_S
        try:
            say(MasterReady(port=self._runner.server.port))
            self._end.get()
            rescue_s = CUT_SHORT_S
        finally:
            gevent.killall(greenlets)
            whole = all(member.collecting for member in self._members)
            self._rescue(rescue_s)
            beat.kill()
            for member in self._members:
                self._link.send(Over(whole=whole), member.node)
            self._runner.quit()
            if self._capture is not None:
                self._capture.close()

    def _rescue(self, at_most_s: float) -> None:
        """Fetch what can be had where the run did not come to its end; why it did not is what the user reads."""
        try:
            with Timeout(at_most_s, False):  # noqa: FBT003 - gevent's way to say: end the block quietly
                self._collect()
        except Exception:
            traceback.print_exc()

    def _listen(self) -> None:
        """Read the runner's messages until they end, which ends everything."""
        for line in self._messages:
            message = read(line, LoadStart, Begin)
            if isinstance(message, LoadStart):
                check_headers(message)
                self._plan.set(message)
            else:
                self._origin.set(message.origin_ns)
        self._end.set()

    def _conduct(self) -> None:
        """Go through the run, from the first worker that joins to the last row."""
        self._gather()
        start: LoadStart = self._plan.get()
        members = list(self._members)
        for member in members:
            if not member.same_clock:
                member.before = self._clock_of(member)
        for number, (member, arrivals) in enumerate(zip(members, shares(start.arrivals, len(members)), strict=True)):
            warmup = start.warmup if number == 0 else ()  # once is enough
            member.share = replace(
                start, arrivals=arrivals, warmup=warmup, workers=len(members), capture=None, web_ui=False
            )
            self._link.send(member.share, member.node)
        ready = [member.next(LoadReady) for member in members]
        web_ui = serve_web_ui(self._environment) if start.web_ui else None
        say(LoadReady(warmup=tuple(call for each in ready for call in each.warmup), web_ui=web_ui))

        origin_ns = self._origin.get()
        self._patience_s = LOST_S
        self._runner.update_state(STATE_RUNNING)  # for its web UI
        for member in members:
            self._link.send(Begin(origin_ns=origin_ns + member.before.offset_ns), member.node)
        done = [member.next(LoadDone) for member in members]
        self._patience_s = SETTING_UP_S
        say(LoadDone(**{field.name: sum(getattr(each, field.name) for each in done) for field in fields(LoadDone)}))
        self._collect()
        say(WorkersDone(workers=tuple(member.summary for member in members)))

    def _gather(self) -> None:
        """Wait for all workers.

        Raises:
            HarnessError: Some have not come in time.
        """
        with Timeout(GATHER_S, False):  # noqa: FBT003 - see `run`
            while self._members.missing:
                self._changed.clear()
                self._changed.wait()
        if missing := self._members.missing:
            hint = f"start each with: harness worker --master HOST:{self._runner.server.port}"
            raise HarnessError(f"did not join within {GATHER_S:g} s", where=", ".join(missing), hint=hint)
        say(AllJoined())

    def _clock_of(self, member: Member) -> ClockEstimate:
        """Return how far a worker's clock is ahead of this one."""
        trips: list[RoundTrip] = []
        until_ns = time.monotonic_ns() + int(CLOCK_S * 1e9)
        while len(trips) < ROUND_TRIPS and (not trips or time.monotonic_ns() < until_ns):
            asked_ns = time.monotonic_ns()
            self._link.send(ClockQuestion(), member.node)
            answer, back_ns = member.next(ClockAnswer), member.heard_ns
            trips.append(RoundTrip(asked_ns=asked_ns, answered_ns=answer.at_ns, back_ns=back_ns))
        return estimate(trips)

    def _collect(self) -> None:
        """Fetch the rows of the workers that keep them elsewhere, with a last look at their clocks; nothing a second time."""
        for member in self._members:
            if member is self._lost or member.collecting or member.share is None:
                continue
            member.collecting = True
            member.discard()
            if not member.same_clock:
                member.after = self._clock_of(member)
                self._note_clock(member)
            if member.sends_rows and self._folder is not None:
                save(self._folder / f"{member.name}.jsonl", self._rows(member), member.name)

    def _note_clock(self, member: Member) -> None:
        if self._capture is not None:
            found = member.summary
            self._capture.put(
                WorkerClock(worker=found.name, offset_ns=found.offset_ns, unsure_ns=found.bound_ns + found.drift_ns)
            )

    def _rows(self, member: Member) -> Iterable[RowsPiece]:
        """Yield the pieces of a worker's rows: each is asked for once the one before is written, so memory stays small."""
        while True:
            self._link.send(Fetch(), member.node)
            rows: RowsPiece = member.next(RowsPiece)
            yield rows
            if rows.sha256 is not None:
                return

    def _limit(self, node: str) -> int:
        return JOIN_BYTES_MAX if self._members.of(node) is None else LINE_BYTES_MAX

    def _receive(self, node: str, line: bytes) -> None:
        """Take a message of a worker, in the greenlet that reads the socket: nothing here waits."""
        member = self._members.of(node)
        if member is None:
            self._admit(node, line)
        else:
            guarded(self._end, self._take, member, line, time.monotonic_ns())

    def _take(self, member: Member, line: bytes, heard_ns: int) -> None:
        member.silence.end()
        message = read(line, Alive, ClockAnswer, LoadReady, LoadDone, RowsPiece, Refused, Join)
        if isinstance(message, Refused):
            self._lost = member
            error = message.error()
            where = member.name if error.where == member.name else f"{member.name}: {error.where}"
            raise HarnessError(error.problem, where=where, hint=error.hint)
        if isinstance(message, Join):
            self._admit(member.node, line)
        elif not isinstance(message, Alive):
            member.inbox.put((message, heard_ns))

    def _admit(self, node: str, line: bytes) -> None:
        """Let a worker in, or refuse it on both sides; anything else that comes from a stranger is dropped."""
        try:
            join = read(line, Join)
        except ValueError as error:
            sys.stderr.write(f"dropped a message from {node}, which has not joined: {error}\n")
            return
        try:
            member = self._members.admit(node, join)
        except HarnessError as error:
            self._link.send(Refused.of(error), node)
            say(Notice(text=f"{error.where} was refused: {error.problem}; {error.hint}"))
            return
        self._link.send(Welcome(name=member.name), node)
        self._changed.set()

    def _beat(self) -> None:
        """Show the workers that the master is there."""
        while True:
            for member in self._members:
                self._link.send(Alive(), member.node)
            gevent.sleep(HEARTBEAT_S)

    def _watch(self) -> None:
        """Find a worker that is silent for too long: Locust would take it back without a word."""
        before_s = time.monotonic()
        while True:
            gevent.sleep(TICK_S)
            now_s = time.monotonic()
            for member in self._members:
                member.silence.tick(now_s - before_s)
                if member.silence.lasts_s > self._patience_s:
                    self._lost = member
                    raise HarnessError(
                        f"lost: no sign of life for {self._patience_s:g} s",
                        where=member.name,
                        hint="it was frozen or killed, or its machine or network is down; all other rows are kept",
                    )
            before_s = now_s


def _listening(environment: Environment, host: str, port: int) -> Any:
    """Return Locust's master, which listens."""
    hint = "choose another address with --master HOST:PORT"
    try:
        return environment.create_master_runner(host, port)
    except (RPCError, SystemExit) as error:  # some versions of Locust exit where a port is in use
        if isinstance(error, SystemExit) or "in use" in str(error):
            problem = f"{host}:{port} is in use: does another run listen there?"
        else:
            problem = f"cannot listen on {host}:{port}: {error}"
        raise HarnessError(problem, where="load", hint=hint) from None
