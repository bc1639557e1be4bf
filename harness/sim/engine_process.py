"""Own the engine in the chain's own interpreter: start it, have it carry out plans, end it."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from secrets import token_hex
from typing import Any

from harness.chain import Chain
from harness.drivers.interpreter import Interpreter, environ_there
from harness.errors import HarnessError
from harness.lines import is_message, read, write
from harness.messages import AnswerTo, PrepareChain, Ready, Refused, RunPlan, RunRows
from harness.scenario import Plan

_TAIL_BYTES = 4096
_TAIL_LINES = 8
_END_S = 5.0

_RUNNING: dict[str, EngineProcess] = {}
"""By the interpreter's path: each does its imports once, however many runs there are."""


class EngineProcess:
    """The engine as a child in another interpreter.

    A fork of this process may use it too, as long as it is the only one that does. The child ends when the last of them does.

    Args:
        interpreter: In which it runs; our own if None.
    """

    def __init__(self, interpreter: Interpreter | None) -> None:
        module = "harness.sim.engine_part"
        self._path = sys.executable if interpreter is None else interpreter.path
        self._owner = os.getpid()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", module] if interpreter is None else interpreter.command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ if interpreter is None else environ_there(os.environ),
            start_new_session=True,  # a Ctrl-C on the terminal is ours to handle
        )
        self._prepared: set[str] = set()
        self._receive(Ready, after=None)

    @property
    def alive(self) -> bool:
        """Whether it can be asked, as far as this process can tell: it is the child of one process alone."""
        return os.getpid() != self._owner or self._child.poll() is None

    def prepare(self, chain: Chain) -> None:
        """Do the imports for a chain; once for each driver.

        Raises:
            UsageError: They fail.
        """
        if chain.driver not in self._prepared:
            token = token_hex(8)
            self._ask(PrepareChain(chain=chain, token=token), Ready, token)
            self._prepared.add(chain.driver)

    def run(self, plan: Plan, chain: Chain, *, optimised: bool = True, chain_seed: int | None = None) -> RunRows:
        """Carry a plan out; see `harness.sim.engine.run`."""
        self.prepare(chain)
        token = token_hex(8)
        message = RunPlan(plan=plan, chain=chain, token=token, optimised=optimised, chain_seed=chain_seed)
        rows: RunRows = self._ask(message, RunRows, token)
        return rows

    def end(self) -> None:
        """End it, and whatever it has forked."""
        if _RUNNING.get(self._path) is self:
            del _RUNNING[self._path]
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        if os.getpid() == self._owner:
            self._child.wait(_END_S)
        for stream in (self._child.stdin, self._child.stdout, self._log):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _ask(self, message: object, shape: type[Any], token: str) -> Any:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(write(message))
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        return self._receive(shape, after=write(AnswerTo(token=token)))

    def _receive(self, shape: type[Any], *, after: bytes | None) -> Any:
        """Return the next message.

        Args:
            shape: Its shape.
            after: The line before it; None if there is none.

        Raises:
            HarnessError: The child refuses, or has ended.
        """
        assert self._child.stdout is not None
        try:
            while line := self._child.stdout.readline():
                if after is None and is_message(line):
                    break
                if line == after:
                    after = None
        except BaseException:  # somebody ends the run: whatever comes now would answer the next question
            self.end()
            raise
        if not line:
            raise self._death()
        answer = read(line, shape, Refused)
        if isinstance(answer, Refused):
            raise answer.error()
        return answer

    def _death(self) -> HarnessError:
        ended = ""
        if os.getpid() == self._owner:
            code = self._child.wait(_END_S)
            ended = f" (signal {signal.Signals(-code).name})" if code < 0 else f" (exit code {code})"
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - _TAIL_BYTES))
        last = self._log.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
        self.end()
        known = "\n    ".join(["its last output:", *last]) if last else None
        return HarnessError(f"the chain's interpreter ended early{ended}", where=self._path, known=known)


def engine_process(interpreter: Interpreter) -> EngineProcess:
    """Return the engine in an interpreter; it is started if it does not run, and ends with this process."""
    running = _RUNNING.get(interpreter.path)
    if running is not None and not running.alive:  # a fork of this process has found that out, and only the fork knows
        running.end()
        running = None
    if running is None:
        running = _RUNNING[interpreter.path] = EngineProcess(interpreter)
    return running


@atexit.register
def _end_all() -> None:
    for process in list(_RUNNING.values()):
        process.end()
