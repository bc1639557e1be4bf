"""One request: the policy's actions are carried out, and their results are reported to the policy."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import NamedTuple

from harness.chain.reference import Done, RequestMachine, Result, SendAttempt, WaitUntil
from harness.drivers.reference.attempt import AttemptRunner, CallerRequest, OnPiece, PartialAnswer
from harness.provider.tools import CallPieces


class Token(NamedTuple):
    """A piece of an answer that has come."""

    attempt: int
    piece: CallPieces


class Walk:
    """One request on its way through the chain.

    Attributes:
        done: How it ended; None before.
        interim: Its state when the caller's first token arrived; None before.
        answers: The answer of each attempt so far, in pieces, by its number.
        readings: What was read of each attempt's answer.
    """

    def __init__(
        self, request: RequestMachine, attempts: AttemptRunner, clock_ns: Callable[[], int], asked: CallerRequest
    ) -> None:
        self._request = request
        self._attempts = attempts
        self._clock_ns = clock_ns
        self._asked = asked
        self._news: deque[Token | Result | Exception] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.done: Done | None = None
        self.interim: Done | None = None
        self.answers: dict[int, list[CallPieces]] = {}
        self.readings: dict[int, PartialAnswer] = {}

    async def complete(self) -> Done:
        """Return how it ended; the caller gets nothing before that."""
        alone = self._attempts.policy.hedge is None
        result: Result | None = None
        while True:
            action = self._request.step(self._clock_ns(), result)
            result = None
            if isinstance(action, Done):
                self.done = action
                return action
            if isinstance(action, WaitUntil):
                news = await self._next(action.until_ns)
                result = news if isinstance(news, Result) else None
                continue
            pieces = self.answers[action.attempt] = []
            if alone:  # nothing else can happen meanwhile: no task is needed
                self._report(await self._make(action, pieces.append))
            else:
                self._begin(action, pieces.append)

    async def pieces(self) -> AsyncIterator[CallPieces]:
        """Yield the answer as it arrives: the first piece decides whose answer is used."""
        winner: int | None = None
        result: Result | None = None
        while True:
            action = self._request.step(self._clock_ns(), result)
            result = None
            if isinstance(action, Done):
                self.done = action
                return
            if isinstance(action, SendAttempt):
                self._begin(action, partial(self._on_piece, action.attempt))
                continue
            news = await self._next(action.until_ns)
            if isinstance(news, Token):
                if winner is None:
                    winner = news.attempt
                    self._request.begun(self._clock_ns(), winner)
                    self.interim = self._request.interim(winner)
                    self._cancel(but=winner)
                if news.attempt == winner:
                    yield news.piece
            elif news is not None:
                result = news._replace(begun=winner == news.attempt)

    async def end(self) -> None:
        """End what is still open: the answer is complete, or the caller has left."""
        self._request.leave(self._clock_ns())
        if self._tasks:
            self._cancel(but=None)
            if any(not task.done() for task in self._tasks.values()):
                await asyncio.wait(self._tasks.values())

    async def _make(self, send: SendAttempt, on_piece: OnPiece) -> Result:
        reading = self.readings[send.attempt] = PartialAnswer()
        return await self._attempts.make(send, self._asked, reading, on_piece)

    def _begin(self, send: SendAttempt, on_piece: OnPiece) -> None:
        async def attempt() -> None:
            try:
                self._report(await self._make(send, on_piece))
            except Exception as error:  # reported, or the caller would wait for its deadline
                self._report(error)

        self._tasks[send.attempt] = asyncio.create_task(attempt(), name=f"{send.provider} {send.attempt}")

    def _on_piece(self, attempt: int, piece: CallPieces) -> None:
        self._report(Token(attempt, piece))

    def _cancel(self, *, but: int | None) -> None:
        for attempt, task in self._tasks.items():
            if attempt != but:
                task.cancel()

    def _report(self, news: Token | Result | Exception) -> None:
        self._news.append(news)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _next(self, until_ns: int) -> Token | Result | None:
        """Return the next event; None if there is none until then."""
        if not self._news:
            left_s = (until_ns - self._clock_ns()) / 1e9
            if left_s <= 0:
                return None
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(left_s, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
            if not self._news:
                return None
        news = self._news.popleft()
        if isinstance(news, Exception):
            raise news
        return news
