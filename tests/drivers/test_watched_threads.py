"""The attempts of synchronous libraries are recorded as well."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3

from harness.chain import Provider, ReplySpec
from harness.drivers.recorder import Recorder, working_on
from harness.drivers.watched_threads import watched_threads
from harness.edge import Edge
from harness.history.records import ChainAttempt
from harness.scenario import Inject
from tests.drivers.providers import refused_port
from tests.plans import window

PROVIDER = Provider(dialect="openai", model="gpt-4", reply=ReplySpec(ttft=0, tokens=8, tokens_per_second=0))
ASKED = {"model": "gpt-4", "messages": [{"role": "user", "content": "[[req-000007 tokentok]] hello"}]}
PATH = "/v1/chat/completions"


def _httpx(url: str, body: bytes) -> None:
    with httpx.Client(timeout=0.3) as client:
        client.post(url, content=body)


def _requests(url: str, body: bytes) -> None:
    requests.post(url, data=body, timeout=0.3)


def _urllib3(url: str, body: bytes) -> None:
    with urllib3.PoolManager() as pool:
        pool.request("POST", url, body=body, timeout=0.3, retries=False)


def _loop_of_httpx(url: str, body: bytes) -> None:
    async def call() -> None:
        async with httpx.AsyncClient(timeout=0.3) as client:
            await client.post(url, content=body)

    asyncio.run(call())


def _loop_of_aiohttp(url: str, body: bytes) -> None:
    async def call() -> None:
        timeout = aiohttp.ClientTimeout(0.3)
        async with aiohttp.ClientSession(timeout=timeout) as client, client.post(url, data=body) as answer:
            await answer.read()

    asyncio.run(call())


CALLS: dict[str, Callable[[str, bytes], Any]] = {
    "httpx": _httpx,
    "requests": _requests,
    "urllib3": _urllib3,
    "a loop with httpx": _loop_of_httpx,
    "a loop with aiohttp": _loop_of_aiohttp,
}
FAULTS = {
    "none": (None, "ok", 200),
    "status": (Inject(status=503), "status", 503),
    "reset": (Inject(connection="reset"), "reset", None),
    "close": (Inject(connection="close"), "cut", None),
    "silent": (Inject(connection="silent"), "timeout", None),
    "cut": (Inject(stream="cut"), "cut", 200),
}


def recorded(call: Callable[[str, bytes], Any], url: str, body: bytes) -> Any:
    """Return a coroutine that calls in a thread and returns the rows."""

    async def run() -> list[ChainAttempt]:
        rows: list[ChainAttempt] = []
        recorder = Recorder({"openai": PROVIDER}, {"openai": url}, rows.append)
        with watched_threads(recorder), working_on("req-000007"), contextlib.suppress(Exception):
            await asyncio.to_thread(call, url + PATH, body)
        recorder.close()
        return rows

    return run()


@pytest.mark.parametrize("library", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_exchange_is_one_row(library: str, fault: str) -> None:
    """As in an event loop: what it came to, and its request."""
    inject, outcome, status = FAULTS[fault]
    windows = () if inject is None else (window(inject),)
    body = json.dumps({**ASKED, "stream": fault == "cut"}).encode()

    async def run() -> list[ChainAttempt]:
        async with Edge({"openai": PROVIDER}, windows=windows) as edge:
            edge.begin(0)
            rows: list[ChainAttempt] = await recorded(CALLS[library], f"http://127.0.0.1:{edge.ports['openai']}", body)
            return rows

    rows = asyncio.run(run())
    assert [(row.outcome, row.status, row.request_id) for row in rows] == [(outcome, status, "req-000007")]


@pytest.mark.parametrize("library", CALLS)
def test_a_refused_connection_is_an_attempt(library: str) -> None:
    """No byte of it was ever sent."""
    rows = asyncio.run(recorded(CALLS[library], refused_port(), b"{}"))
    assert [(row.outcome, row.request_id) for row in rows] == [("refused", "req-000007")]


@pytest.mark.parametrize("library", ["httpx", "requests", "urllib3"])
def test_a_call_that_blocks_the_event_loop_is_an_attempt_too(library: str) -> None:
    """A synchronous client in an asynchronous function."""

    async def run() -> list[ChainAttempt]:
        rows: list[ChainAttempt] = []
        url = refused_port()
        recorder = Recorder({"openai": PROVIDER}, {"openai": url}, rows.append)
        with watched_threads(recorder), working_on("req-000007"), contextlib.suppress(Exception):
            CALLS[library](url + PATH, b"{}")
        return rows

    assert [(row.outcome, row.request_id) for row in asyncio.run(run())] == [("refused", "req-000007")]
