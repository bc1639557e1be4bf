"""The function, hosted for both engines."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, aclosing, asynccontextmanager
from functools import partial
from typing import Any

from harness.chain import Chain
from harness.chain.redact import secrets
from harness.chain.scrub import scrub
from harness.drivers.environment import LIVE, HostEnvironment
from harness.drivers.litellm_router.virtual_stores import virtual_stores
from harness.drivers.python.answers import next_or_end, plain, streamed, vectors
from harness.drivers.python.importing import described, function_at, is_async, names, takes
from harness.drivers.python.outside import stopped
from harness.drivers.python.surroundings import surroundings
from harness.drivers.recorder import Recorder
from harness.drivers.server import InProcessChain
from harness.drivers.watched import watched
from harness.drivers.watched_threads import watched_threads
from harness.errors import HarnessError, UsageError
from harness.provider.dialects.embeddings import texts_of
from harness.provider.kinds import Api, Kind

THREADS_MAX = 200
"""Requests that a function which is not asynchronous works on at a time, each in a thread."""


class CalledExitError(Exception):
    """A function called `sys.exit` while it worked on a request."""


@asynccontextmanager
async def enter(
    chain: Chain,
    base_urls: Mapping[str, str],
    recorder: Recorder,
    environment: HostEnvironment = LIVE,
) -> AsyncIterator[InProcessChain]:
    """Host a chain; see `Open`.

    Raises:
        UsageError: The function cannot be imported or called, or not in virtual time.
    """
    assert chain.target is not None
    hidden = secrets(chain, os.environ)
    model = chain.providers[chain.order[0]].model
    with ExitStack() as stack:
        stack.enter_context(surroundings(chain, base_urls))
        stack.enter_context(watched(recorder))
        if environment.live:
            stack.enter_context(watched_threads(recorder))
        stack.enter_context(stopped(base_urls.values() if environment.live else ()))
        threads = stack.enter_context(ThreadPoolExecutor(THREADS_MAX, "chain"))
        with environment.importing():
            target, setup = (
                None if place is None else function_at(place, key, folder=chain.folder, hidden=hidden)
                for key, place in (("target", chain.target), ("setup", chain.setup))
            )
        assert target is not None
        _check(chain.target, target, live=environment.live)
        if not environment.live:
            stack.enter_context(virtual_stores(routing=False))
        if setup is not None:
            await _set_up(str(chain.setup), setup, hidden, chain.folder)
        try:
            yield InProcessChain(
                ask=PythonChain(chain.target, target, threads).ask,
                explain=partial(explain, hidden),
                model=model,
                models=(model,),
                addressable={chain.order[0]: model},
                lacking=lacking(chain.target, target),
            )
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _check(place: str, target: Callable[..., Any], *, live: bool) -> None:
    if not any((_answers(target), _answers(target, tools=[]), _embeds(target))):
        hint = f"declare it as `async def {place.rpartition(':')[2]}(messages, *, model)`"
        raise UsageError(f"{place} cannot be called with messages and model", where="target", hint=hint)
    if not live and not is_async(target):
        problem = f"{place} is not asynchronous: in virtual time it would block every other request"
        raise UsageError(problem, where="target", hint="--engine live")


def _answers(target: Callable[..., Any], **options: Any) -> bool:
    """Return whether a function can be called for a chat completion, with a stream or without one."""
    return takes(target, [], model="m", **options) or takes(target, [], model="m", stream=True, **options)


def _takes_stream(target: Callable[..., Any]) -> bool:
    return takes(target, [], model="m", stream=True) or takes(target, [], model="m", stream=True, tools=[])


def _embeds(target: Callable[..., Any]) -> bool:
    return names(target, "input") and takes(target, input=[], model="m")


def lacking(place: str, target: Callable[..., Any]) -> dict[Kind, str]:
    """Return the kinds of request that a function does not take, by its signature, each with the reason."""
    found: dict[Kind, str] = {}
    if not _answers(target):
        found["chat"] = f"{place} cannot be called with messages and model alone"
    if not _answers(target, tools=[]):
        found["tools"] = found["conversation"] = f"{place} takes no `tools`"
    if not _embeds(target):
        found["embeddings"] = f"{place} has no parameter `input`"
    return found


async def _set_up(place: str, setup: Callable[..., Any], hidden: frozenset[str], folder: str | None) -> None:
    try:
        made = setup()
        if inspect.isawaitable(made):
            await made
    except HarnessError:
        raise
    except SystemExit as end:
        raise UsageError(f"{place} called sys.exit({end.code!r})", where="setup") from None
    except Exception as error:
        raise UsageError(f"{place} failed: {described(error, hidden, folder)}", where="setup") from None


class PythonChain:
    """Calls the function.

    Args:
        place: Where it is, for errors.
        target: The function.
        threads: Where it is called if it is not asynchronous.
    """

    def __init__(self, place: str, target: Callable[..., Any], threads: ThreadPoolExecutor) -> None:
        self._place = place
        self._target = target
        self._threads = threads
        self._waits = is_async(target)
        self._takes_stream = _takes_stream(target)

    async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Yield an answer's JSON; see `Ask`.

        Raises:
            CalledExitError: The function called `sys.exit`.
            Exception: What it raises.
        """
        model, streaming = body["model"], body.get("stream", False)
        try:
            if api == "embeddings":
                result = await self._call(partial(self._target, input=texts_of(body), model=model))
                yield vectors(result, model=model)
                return
            options = {"stream": streaming} if self._takes_stream else {}
            if "tools" in body:
                options["tools"] = body["tools"]
            result = await self._call(partial(self._target, body["messages"], model=model, **options))
            if not streaming:
                yield await plain(result, model=model, step=self._step)
                return
            async with aclosing(streamed(result, model=model, step=self._step)) as pieces:
                async for piece in pieces:
                    yield piece
        except SystemExit as end:
            raise CalledExitError(f"{self._place} called sys.exit({end.code!r})") from end

    async def _call(self, call: Callable[[], Any]) -> Any:
        result = call() if self._waits else await self._in_thread(call)
        return await result if inspect.isawaitable(result) else result

    async def _step(self, iterator: Any) -> Any:
        return await self._in_thread(partial(next_or_end, iterator))

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, call)


def explain(hidden: frozenset[str], error: Exception) -> tuple[int, dict[str, Any]]:
    """Return status and body of a failure: the exception's own status, where it has one.

    Args:
        hidden: Texts that they may not hold.
        error: What the function raised.
    """
    code = getattr(error, "status_code", None)
    status = code if isinstance(code, int) and 400 <= code <= 599 else 500
    message = scrub(str(error), hidden) or type(error).__name__
    return status, {"error": {"message": message, "type": type(error).__name__, "param": None, "code": str(status)}}
