"""One request's way along the chain: what the policy says is carried out, and what comes of it is told to the policy."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import NamedTuple

from harness.chain.reference import Done, RequestMachine, Result, SendAttempt, WaitUntil
from harness.drivers.reference.attempt import Asked, AttemptRunner, PartialAnswer


class Token(NamedTuple):
    """A piece of text that has come."""

    attempt: int
    text: str


class Walk:
    """One request's way along the chain.

    Attributes:
        done: How it ended; None before.
        standing: How it stood when the caller's first token came; None before.
        texts: What each attempt has said, by its number.
        readings: What was read of each attempt's answer.
    """

    def __init__(
        self, request: RequestMachine, attempts: AttemptRunner, clock_ns: Callable[[], int], asked: Asked
    ) -> None:
        self._request = request
        self._attempts = attempts
        self._clock_ns = clock_ns
        self._asked = asked
        self._news: deque[Token | Result | Exception] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.done: Done | None = None
        self.standing: Done | None = None
        self.texts: dict[int, list[str]] = {}
        self.readings: dict[int, PartialAnswer] = {}

    async def whole(self) -> Done:
        """Return how it ended, which is when the caller sees the first of it."""
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
            said = self.texts[action.attempt] = []
            if alone:  # nothing else can happen meanwhile: no task is needed
                self._tell(await self._make(action, said.append))
            else:
                self._begin(action, said.append)

    async def pieces(self) -> AsyncIterator[str]:
        """Yield the text as it comes: what comes first decides whose answer it is."""
        winner: int | None = None
        result: Result | None = None
        while True:
            action = self._request.step(self._clock_ns(), result)
            result = None
            if isinstance(action, Done):
                self.done = action
                return
            if isinstance(action, SendAttempt):
                self._begin(action, partial(self._say, action.attempt))
                continue
            news = await self._next(action.until_ns)
            if isinstance(news, Token):
                if winner is None:
                    winner = news.attempt
                    self._request.begun(self._clock_ns(), winner)
                    self.standing = self._request.standing(winner)
                    self._cancel(but=winner)
                if news.attempt == winner:
                    yield news.text
            elif news is not None:
                result = news._replace(begun=winner == news.attempt)

    async def end(self) -> None:
        """End what is under way: the answer is whole, or the caller has gone."""
        self._request.leave(self._clock_ns())
        if self._tasks:
            self._cancel(but=None)
            if any(not task.done() for task in self._tasks.values()):
                await asyncio.wait(self._tasks.values())

    async def _make(self, send: SendAttempt, say: Callable[[str], None]) -> Result:
        reading = self.readings[send.attempt] = PartialAnswer()
        return await self._attempts.make(send, self._asked, reading, say)

    def _begin(self, send: SendAttempt, say: Callable[[str], None]) -> None:
        async def attempt() -> None:
            try:
                self._tell(await self._make(send, say))
            except Exception as error:  # the caller has to hear of it, or it would wait for the deadline
                self._tell(error)

        self._tasks[send.attempt] = asyncio.create_task(attempt(), name=f"{send.provider} {send.attempt}")

    def _say(self, attempt: int, text: str) -> None:
        self._tell(Token(attempt, text))

    def _cancel(self, *, but: int | None) -> None:
        for attempt, task in self._tasks.items():
            if attempt != but:
                task.cancel()

    def _tell(self, news: Token | Result | Exception) -> None:
        self._news.append(news)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _next(self, until_ns: int) -> Token | Result | None:
        """Return what happens next, None if nothing has by then."""
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
