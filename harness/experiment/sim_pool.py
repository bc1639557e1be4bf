"""Processes that simulate, side by side: each answers one question at a time, in a fork of itself; see harness/experiment/sim_part.py."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import HarnessError
from harness.live.processes import OwnedProcess
from harness.messages import Failed, Ready

T = TypeVar("T")

Answerer = Callable[[Any], object]
"""A function of a module that a process calls: from a question, which is a message, to the answer; its annotations name both."""

RUN_S = 900.0
"""How long one run may take; a chain that never lets go of its process would hold up all others."""
IMPORTS_S = 120.0


class SimPool:
    """The runner's side of them. A process that dies costs the question that it was at, and is replaced.

    Args:
        processes: How many.
        log: Where they write their messages.
        answerers: What answers the questions that may be asked.
    """

    def __init__(self, processes: int, log: Path, *answerers: Answerer) -> None:
        names = [f"{answerer.__module__}:{answerer.__name__}" for answerer in answerers]
        self._argv = [sys.executable, "-m", "harness.experiment.sim_part", *names]
        self._log = log
        self._free: asyncio.Queue[OwnedProcess | None] = asyncio.Queue()
        for _ in range(processes):
            self._free.put_nowait(None)
        self._children: set[OwnedProcess] = set()

    @classmethod
    @asynccontextmanager
    async def start(cls, processes: int, log: Path, *answerers: Answerer) -> AsyncIterator[SimPool]:
        """Have them at hand; each starts with its first question, and leaving ends them."""
        self = cls(processes, log, *answerers)
        try:
            yield self
        finally:
            await self.end()

    async def end(self) -> None:
        """End all of them."""
        for child in list(self._children):
            await child.end(grace_s=0)

    async def ask(self, question: object, shape: type[T]) -> T | Failed:
        """Have a free process answer a question.

        Raises:
            HarnessError: It died over it.
            TimeoutError: It is at it for too long.
        """
        child = await self._free.get()
        answered = False
        try:
            child = child or await self._new()
            await child.send(question)
            answer = await asyncio.wait_for(child.receive(shape, Failed), RUN_S)
            answered = True
        finally:
            if child is not None and not answered:
                self._children.discard(child)
                await child.end(grace_s=0)
            self._free.put_nowait(child if answered else None)
        return answer

    async def answer_or_why(self, question: object, shape: type[T]) -> T | str:
        """Return the answer to a question, or why there is none."""
        try:
            answer = await self.ask(question, shape)
        except (HarnessError, TimeoutError) as error:
            return str(error) or "took too long"
        return answer.problem if isinstance(answer, Failed) else answer

    async def _new(self) -> OwnedProcess:
        # It looks up the keys of every chain, as the command itself would.
        child = OwnedProcess("sim", self._argv, log=self._log, env=os.environ, part=True)
        await child.__aenter__()  # left by `end` or `ask`
        self._children.add(child)
        await child.ready(None, Ready, timeout_s=IMPORTS_S)
        return child
