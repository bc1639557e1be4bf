"""The reference chain, hosted: it carries out what the policy says, on sockets or in virtual time."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp

from harness.chain import Chain
from harness.chain.redact import secrets
from harness.chain.reference import ChainExhausted, Done, Request, Result, Send, Shared
from harness.drivers.recorder import Recorder
from harness.drivers.reference.answers import chunk, completion, explain, last_chunk
from harness.drivers.reference.attempt import Attempts, News, Reading, Token
from harness.drivers.reference.wire import Sockets, Wire
from harness.drivers.server import Inside
from harness.history.records import WARMUP
from harness.provider.marker import find_request
from harness.provider.usage import cost_usd

_CHARS_PER_TOKEN = 4
_ANSWER_TOKENS = 1024
_ATTEMPTS_MAX = 100


@asynccontextmanager
async def enter(
    chain: Chain,
    base_urls: Mapping[str, str],
    recorder: Recorder,
    *,
    wire: Wire | None = None,
    clock_ns: Callable[[], int] = time.monotonic_ns,
    wall_ns: Callable[[], int] = time.time_ns,
    seed: int = 0,
) -> AsyncIterator[Inside]:
    """Host a chain; see `Open`.

    Args:
        chain: With its secrets.
        base_urls: Where each provider is called, by name.
        recorder: Told about every attempt.
        wire: Reaches the providers; sockets if None.
        clock_ns: The policy's clock, of which the event loop's is one.
        wall_ns: What time of day it is, in nanoseconds since 1970.
        seed: Fixes what the policy draws.
    """
    async with AsyncExitStack() as stack:
        if wire is None:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(total=None),  # the policy has limits of its own
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                )
            )
            wire = Sockets(session, base_urls)
        shared = Shared(chain, seed=seed)
        reference = Reference(shared, Attempts(chain, shared.policy, wire, recorder, wall_ns), clock_ns)
        hidden = secrets(chain, os.environ)
        names = [*chain.order, *(name for name in chain.providers if name not in chain.order)]
        yield Inside(
            ask=reference.ask,
            explain=lambda error: explain(error, hidden),
            model=chain.order[0],
            models=tuple(names),
            addressable={name: name for name in names},
        )


class Reference:
    """Asks providers as the policy says.

    Args:
        shared: What all requests share.
        attempts: Makes them.
        clock_ns: The policy's clock.
    """

    def __init__(self, shared: Shared, attempts: Attempts, clock_ns: Callable[[], int]) -> None:
        self._shared = shared
        self._beforehand = Shared(shared.chain, seed=shared.seed)
        self._attempts = attempts
        self._clock_ns = clock_ns
        self._requests = 0

    async def ask(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Yield an answer's JSON; see `harness.drivers.server.Ask`.

        The body's `model` names a provider: the first one stands for the whole chain, any other for itself alone. A field
        `chain` may hold this request's own `order` and `attempts`.

        Raises:
            ChainExhausted: No provider gave an answer.
        """
        self._requests += 1
        request = self._request(body)
        walk = _Walk(request, self._attempts, self._clock_ns, body)
        try:
            async for piece in walk.pieces(whole=not body["stream"] or self._shared.policy.streams == "restart"):
                if body["stream"]:
                    yield chunk(body["model"], piece)
            done = walk.done
            assert done is not None
            if done.attempt is None:
                raise ChainExhausted(done)
            reading = walk.readings[done.attempt]
            if body["stream"]:
                yield last_chunk(body["model"], reading, done)
            else:
                yield completion(body["model"], walk.texts[done.attempt], reading, done)
        finally:
            await walk.end()

    def _request(self, body: dict[str, Any]) -> Request:
        order, attempts = self._own(body.pop("chain", None))
        known, model = self._shared.chain, body["model"]
        if model not in known.providers:
            raise ValueError(f"unknown model {model!r}; known: {', '.join(known.providers)}")
        if not order and model != known.order[0]:
            order = (model,)
        text = json.dumps(body["messages"])
        marker = find_request(text.encode())
        name = marker.request_id if marker else f"call-{self._requests}"
        return Request(
            # A run begins with breakers and budget as new, live too, where calls go before it.
            self._beforehand if name.startswith(WARMUP) else self._shared,
            name=name,
            start_ns=self._clock_ns(),
            order=order or None,
            attempts=attempts,
            costs=self._costs(len(text), body.get("max_tokens")),
        )

    def _own(self, said: Any) -> tuple[tuple[str, ...], int | None]:
        """Return a request's own order and tries; empty and None where it leaves them to the chain."""
        own = {} if said is None else said
        if not isinstance(own, dict) or own.keys() - {"order", "attempts"}:
            raise ValueError("`chain` takes `order` and `attempts`")
        order, attempts = own.get("order", []), own.get("attempts")
        providers = self._shared.chain.providers
        if not isinstance(order, list) or not all(isinstance(name, str) and name in providers for name in order):
            raise ValueError(f"`chain.order` takes names of providers; known: {', '.join(providers)}")
        if len(set(order)) != len(order):
            raise ValueError("a provider stands in `chain.order` twice")
        if attempts is not None and (type(attempts) is not int or not 1 <= attempts <= _ATTEMPTS_MAX):
            raise ValueError(f"`chain.attempts` is a whole number from 1 to {_ATTEMPTS_MAX}")
        return tuple(order), attempts

    def _costs(self, chars: int, max_tokens: int | None) -> dict[str, float]:
        if self._shared.policy.max_cost is None:
            return {}
        return {
            name: cost_usd(provider.price, chars // _CHARS_PER_TOKEN, max_tokens or _ANSWER_TOKENS) or 0.0
            for name, provider in self._shared.chain.providers.items()
        }


class _Walk:
    """One request's way along the chain.

    Attributes:
        done: How it ended; None before.
        texts: What each attempt has said, by its number.
        readings: What was read of each attempt's answer.
    """

    def __init__(
        self, request: Request, attempts: Attempts, clock_ns: Callable[[], int], body: Mapping[str, Any]
    ) -> None:
        self._request = request
        self._attempts = attempts
        self._alone = attempts.policy.hedge is None
        self._clock_ns = clock_ns
        self._body = body
        self._news: News = asyncio.Queue()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.done: Done | None = None
        self.texts: dict[int, list[str]] = {}
        self.readings: dict[int, Reading] = {}

    async def pieces(self, *, whole: bool) -> AsyncIterator[str]:
        """Yield the text as it comes; where it is to come `whole`, all of it when the winner is known."""
        winner: int | None = None
        result: Result | None = None
        while True:
            action = self._request.step(self._clock_ns(), result)
            result = None
            if isinstance(action, Done):
                self.done = action
                break
            if isinstance(action, Send):
                if whole and self._alone:  # nothing else can happen meanwhile: no task is needed
                    await self._attempts.make(action, self._body, self._news, self.readings)
                else:
                    self._begin(action)
                continue
            news = await self._wait(action.until_ns)
            if isinstance(news, Token):
                self.texts.setdefault(news.attempt, []).append(news.text)
                if whole or winner not in (None, news.attempt):
                    continue
                if winner is None:
                    winner = news.attempt
                    self._request.begun(self._clock_ns(), winner)
                    self._cancel(but=winner)
                yield news.text
            elif news is not None:
                result = news._replace(begun=winner == news.attempt)
        if whole and self.done.attempt is not None:
            for text in self.texts.get(self.done.attempt, ()):
                yield text

    async def end(self) -> None:
        """End what is under way: the answer is whole, or the caller has gone."""
        self._request.leave(self._clock_ns())
        self._cancel(but=None)
        if any(not task.done() for task in self._tasks.values()):
            await asyncio.wait(self._tasks.values())

    def _begin(self, send: Send) -> None:
        task = asyncio.create_task(
            self._attempts.make(send, self._body, self._news, self.readings), name=f"{send.provider} {send.attempt}"
        )
        self._tasks[send.attempt] = task

    def _cancel(self, *, but: int | None) -> None:
        for attempt, task in self._tasks.items():
            if attempt != but:
                task.cancel()

    async def _wait(self, until_ns: int) -> Token | Result | None:
        """Return what happens next, None if nothing has by then."""
        if self._news.empty():
            left_s = (until_ns - self._clock_ns()) / 1e9
            if left_s <= 0:
                return None
            try:
                async with asyncio.timeout(left_s):
                    news = await self._news.get()
            except TimeoutError:
                return None
        else:
            news = self._news.get_nowait()
        if isinstance(news, Exception):
            raise news
        return news
