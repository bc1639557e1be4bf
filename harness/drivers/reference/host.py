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
from harness.chain.litellm_router import DUMMY_KEY
from harness.chain.redact import scrub, secrets
from harness.chain.reference import ChainExhausted, Done, Request, Result, Send, Shared
from harness.drivers.recorder import Recorder
from harness.drivers.reference.attempt import Attempts, Token
from harness.drivers.reference.wire import Sockets, Wire
from harness.drivers.server import Inside
from harness.provider.marker import find_request
from harness.provider.usage import cost_usd

_STATUS = {"timeout": 504, "connection": 502, "too_late": 504}
_CHARS_PER_TOKEN = 4
_ANSWER_TOKENS = 1024


@asynccontextmanager
async def enter(
    chain: Chain,
    base_urls: Mapping[str, str],
    recorder: Recorder,
    *,
    wire: Wire | None = None,
    clock_ns: Callable[[], int] = time.monotonic_ns,
    seed: int = 0,
) -> AsyncIterator[Inside]:
    """Host a chain; see `Open`.

    Args:
        chain: With its secrets.
        base_urls: Where each provider is called, by name.
        recorder: Told about every attempt.
        wire: Reaches the providers; sockets if None.
        clock_ns: The policy's clock, of which the event loop's is one.
        seed: Fixes what the policy draws.
    """
    async with AsyncExitStack() as stack:
        if wire is None:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None), trust_env=False
                )
            )
            wire = Sockets(session, base_urls)
        shared = Shared(chain, seed=seed)
        reference = Reference(shared, Attempts(chain, shared.policy, wire, recorder, _keys(chain)), clock_ns)
        hidden = secrets(chain, os.environ)
        names = [*chain.order, *(name for name in chain.providers if name not in chain.order)]
        yield Inside(
            ask=reference.ask,
            explain=lambda error: explain(error, hidden),
            model=chain.order[0],
            models=tuple(names),
            addressable={name: name for name in names},
        )


def _keys(chain: Chain) -> dict[str, str]:
    return {
        name: os.environ.get((provider.api_key or "").removeprefix("env/"), DUMMY_KEY)
        for name, provider in chain.providers.items()
    }


class Reference:
    """Asks providers as the policy says.

    Args:
        shared: What all requests share.
        attempts: Makes them.
        clock_ns: The policy's clock.
    """

    def __init__(self, shared: Shared, attempts: Attempts, clock_ns: Callable[[], int]) -> None:
        self._shared = shared
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
                    yield _chunk(body["model"], piece)
            done = walk.done
            assert done is not None
            if done.attempt is None:
                raise ChainExhausted(done)
            if body["stream"]:
                yield _last_chunk(body, walk, done)
            else:
                yield _completion(body["model"], walk, done)
        finally:
            walk.end()

    def _request(self, body: dict[str, Any]) -> Request:
        own = body.pop("chain", None) or {}
        order = tuple(own.get("order") or ())
        unknown = [name for name in order if name not in self._shared.chain.providers]
        if unknown:
            raise ValueError(f"the chain has no provider {unknown[0]!r}")
        model = body["model"]
        if not order and model != self._shared.chain.order[0] and model in self._shared.chain.providers:
            order = (model,)
        text = json.dumps(body["messages"])
        marker = find_request(text.encode())
        name = marker.request_id if marker else f"call-{self._requests}"
        return Request(
            self._shared,
            name=name,
            start_ns=self._clock_ns(),
            order=order or None,
            attempts=own.get("attempts"),
            costs=self._costs(len(text), body.get("max_tokens")),
        )

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
        usage: Tokens in and out, of the winner.
    """

    def __init__(
        self, request: Request, attempts: Attempts, clock_ns: Callable[[], int], body: Mapping[str, Any]
    ) -> None:
        self._request = request
        self._attempts = attempts
        self._clock_ns = clock_ns
        self._body = body
        self._news: asyncio.Queue[Token | Result] = asyncio.Queue()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.done: Done | None = None
        self.texts: dict[int, list[str]] = {}
        self.usage: dict[int, tuple[int | None, int | None]] = {}

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
                self._begin(action)
                continue
            news = await self._wait(action.until_ns)
            if isinstance(news, Token):
                self.texts.setdefault(news.attempt, []).append(news.text)
                if whole or winner not in (None, news.attempt):
                    continue
                if winner is None:
                    winner = news.attempt
                    self._request.begun()
                    self._cancel(but=winner)
                yield news.text
            elif news is not None:
                result = news._replace(begun=winner == news.attempt)
        if whole and self.done.attempt is not None:
            for text in self.texts.get(self.done.attempt, ()):
                yield text

    def end(self) -> None:
        """End what is under way."""
        self._cancel(but=None)

    def _begin(self, send: Send) -> None:
        task = asyncio.create_task(
            self._attempts.make(send, self._body, self._news, self.usage), name=f"{send.provider} {send.attempt}"
        )
        self._tasks[send.attempt] = task

    def _cancel(self, *, but: int | None) -> None:
        for attempt, task in self._tasks.items():
            if attempt != but:
                task.cancel()

    async def _wait(self, until_ns: int) -> Token | Result | None:
        """Return what happens next, None if nothing has by then."""
        if not self._news.empty():
            return self._news.get_nowait()
        left_s = (until_ns - self._clock_ns()) / 1e9
        if left_s <= 0:
            return None
        try:
            async with asyncio.timeout(left_s):
                return await self._news.get()
        except TimeoutError:
            return None


def _told(done: Done) -> dict[str, Any]:
    """Return what the chain says about itself."""
    return {
        "served_by": done.served_by,
        "depth": done.depth,
        "attempts": len(done.tried),
        "tried": [{"provider": each.provider, "failure": each.failure, "status": each.status} for each in done.tried],
        "skipped": [{"provider": skip.provider, "reason": skip.reason} for skip in done.skipped],
        "cost_usd": done.cost_usd,
    }


def _completion(model: str, walk: _Walk, done: Done) -> str:
    assert done.attempt is not None
    text = "".join(walk.texts.get(done.attempt, ()))
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "id": f"chatcmpl-{done.served_by}-{done.attempt}",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": _usage(walk, done),
            "chain": _told(done),
        }
    )


def _usage(walk: _Walk, done: Done) -> dict[str, int | None]:
    tokens_in, tokens_out = walk.usage.get(done.attempt or 0, (None, None))
    total = None if tokens_in is None or tokens_out is None else tokens_in + tokens_out
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": total}


def _chunk(model: str, text: str) -> str:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    return json.dumps(
        {"id": "chatcmpl", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}
    )


def _last_chunk(body: Mapping[str, Any], walk: _Walk, done: Done) -> str:
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return json.dumps(
        {
            "id": "chatcmpl",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": body["model"],
            "choices": [last],
            "usage": _usage(walk, done),
            "chain": _told(done),
        }
    )


def explain(error: Exception, hidden: frozenset[str]) -> tuple[int, dict[str, Any]]:
    """Return status and body of a failure: the last provider's status, and all that was tried.

    Args:
        error: What `Reference.ask` raised.
        hidden: Texts that may not be in it.
    """
    if not isinstance(error, ChainExhausted):
        status = 400 if isinstance(error, ValueError) else 500
        payload = {"message": scrub(str(error), hidden), "type": type(error).__name__, "param": None, "code": None}
        return status, {"error": payload}
    done = error.done
    last = done.last
    status = 504
    if last is not None:
        status = last.status if last.status and last.status >= 400 else _STATUS.get(last.failure or "", 502)
    code = "chain_exhausted" if last is None else last.failure
    payload = {"message": scrub(str(error), hidden), "type": "chain_exhausted", "param": None, "code": code}
    return status, {"error": payload, "chain": _told(done)}
