"""The reference chain, hosted: the policy's actions are carried out, on sockets or in virtual time."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp

from harness.chain import Chain
from harness.chain.redact import secrets
from harness.chain.reference import ChainExhausted, RequestMachine, Shared
from harness.drivers.environment import LIVE, HostEnvironment
from harness.drivers.recorder import Recorder
from harness.drivers.reference.answers import (
    CallNames,
    chunk,
    completion,
    cost,
    embeddings,
    explain,
    headers,
    last_chunk,
)
from harness.drivers.reference.attempt import AttemptRunner, CallerRequest
from harness.drivers.reference.calls import encoded
from harness.drivers.reference.walk import Walk
from harness.drivers.reference.wire import Sockets
from harness.drivers.server import AnswerHeaders, InProcessChain
from harness.history.records import WARMUP
from harness.provider.dialects import dialect_of
from harness.provider.kinds import Api
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
    environment: HostEnvironment = LIVE,
) -> AsyncIterator[InProcessChain]:
    """Host a chain; see `Open`."""
    async with AsyncExitStack() as stack:
        wire = environment.wire
        if wire is None:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(total=None),  # the policy has limits of its own
                    cookie_jar=aiohttp.DummyCookieJar(),
                    skip_auto_headers=("Accept-Encoding", "User-Agent"),
                    trust_env=False,
                )
            )
            wire = Sockets(session, base_urls)
        shared = Shared(chain, seed=environment.seed, changed=recorder.changed)
        reference = Reference(shared, AttemptRunner(chain, shared.policy, wire, recorder), environment.clock_ns)
        hidden = secrets(chain, os.environ)
        yield InProcessChain(
            ask=reference.ask,
            explain=lambda error: explain(error, hidden),
            model=chain.order[0],
            models=chain.names,
            addressable={name: name for name in chain.names},
        )


class Reference:
    """Carries out the policy.

    Args:
        shared: What all requests share.
        attempts: Makes them.
        clock_ns: The policy's clock.
    """

    def __init__(self, shared: Shared, attempts: AttemptRunner, clock_ns: Callable[[], int]) -> None:
        self._shared = shared
        self._beforehand = Shared(shared.chain, seed=shared.seed)
        self._attempts = attempts
        self._clock_ns = clock_ns
        self._requests = 0

    async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str | AnswerHeaders, None]:
        """Yield an answer's headers and its JSON; see `harness.drivers.server.Ask`.

        The body's `model` names a provider: the first one means the whole chain, any other one its own of `chains`. A field
        `chain` may hold this request's own `order` and `attempts`.

        Raises:
            ValueError: The request is not one that the chain takes.
            ChainExhausted: No provider gave an answer.
        """
        streaming = body.setdefault("stream", False)
        model, names, walk = body["model"], *self._walk(api, body)
        try:
            if streaming and self._shared.policy.streams != "restart":
                async for piece in walk.pieces():
                    if walk.interim is not None:
                        yield headers(walk.interim)
                        walk.interim = None
                    yield chunk(model, piece, names)
                done = walk.done
                assert done is not None
                pieces = []
            else:
                done = await walk.complete()
                if done.attempt is not None:
                    yield {**headers(done), **cost(done)}
                    pieces = walk.answers[done.attempt]
            if done.attempt is None:
                raise ChainExhausted(done)
            reading = walk.readings[done.attempt]
            if api == "embeddings":
                yield embeddings(body, reading, done)
            elif streaming:
                for piece in pieces:
                    yield chunk(model, piece, names)
                yield last_chunk(model, reading, done)
            else:
                yield completion(model, pieces, names, reading, done)
        finally:
            await walk.end()

    def _walk(self, api: Api, body: dict[str, Any]) -> tuple[CallNames, Walk]:
        self._requests += 1
        order, attempts = self._own(body.pop("chain", None))
        known, model = self._shared.chain, body["model"]
        if not isinstance(model, str) or model not in known.providers:
            raise ValueError(f"unknown model {model!r}; known: {', '.join(known.providers)}")
        if not order and model != known.order[0]:
            order = (model, *known.chains.get(model, ()))
        if api == "embeddings":
            self._check_embeddings(body, order or known.order)
        text = encoded(body["input"] if api == "embeddings" else body["messages"])
        marker = find_request(text)
        request_id = marker.request_id if marker else None
        name = request_id or f"call-{self._requests}"
        request = RequestMachine(
            # A run begins with breakers and budget as new, live too, where calls go before it.
            self._beforehand if name.startswith(WARMUP) else self._shared,
            name=name,
            start_ns=self._clock_ns(),
            order=order or None,
            attempts=attempts,
            costs=self._costs(len(text), body.get("max_tokens")),
            tokens=len(text) // _CHARS_PER_TOKEN + (body.get("max_tokens") or 0),
        )
        return CallNames(name), Walk(request, self._attempts, self._clock_ns, CallerRequest(api, body, request_id))

    def _check_embeddings(self, body: Mapping[str, Any], order: Sequence[str]) -> None:
        """Refuse a request that a provider in its order could not answer.

        Raises:
            ValueError: Its input is no list of texts, or a provider has no embeddings, or takes one text in each call.
        """
        texts = body["input"]
        if not isinstance(texts, str) and not (
            isinstance(texts, list) and all(isinstance(each, str) for each in texts)
        ):
            raise ValueError("`input` is a text, or a list of them")
        for name in order:
            provider = self._shared.chain.providers[name]
            form = dialect_of(provider).embed
            if form is None:
                raise ValueError(f"{name} has no embeddings: its dialect is {provider.dialect}")
            if not isinstance(texts, str) and len(texts) > 1 and not form.batches(provider.model):
                raise ValueError(f"{name} takes one text in each call: {provider.model} has no batches")

    def _own(self, field: Any) -> tuple[tuple[str, ...], int | None]:
        """Return a request's own order and tries; empty and None where it leaves them to the chain."""
        own = {} if field is None else field
        if not isinstance(own, dict) or own.keys() - {"order", "attempts"}:
            raise ValueError("`chain` takes `order` and `attempts`")
        order, attempts = own.get("order", []), own.get("attempts")
        providers = self._shared.chain.providers
        if not isinstance(order, list) or not all(isinstance(name, str) and name in providers for name in order):
            raise ValueError(f"`chain.order` takes names of providers; known: {', '.join(providers)}")
        if len(set(order)) != len(order):
            raise ValueError("a provider is in `chain.order` twice")
        if attempts is not None and (type(attempts) is not int or not 1 <= attempts <= _ATTEMPTS_MAX):
            raise ValueError(f"`chain.attempts` is a whole number from 1 to {_ATTEMPTS_MAX}")
        return tuple(order), attempts

    def _costs(self, chars: int, max_tokens: int | None) -> dict[str, float]:
        if self._shared.policy.max_cost is None and self._shared.policy.session_budget is None:
            return {}
        return {
            name: cost_usd(provider.price, chars // _CHARS_PER_TOKEN, max_tokens or _ANSWER_TOKENS) or 0.0
            for name, provider in self._shared.chain.providers.items()
        }
