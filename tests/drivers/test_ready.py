"""A gateway is asked each second whether it is ready."""

import asyncio
import base64
import time

import pytest
from aiohttp import web

from harness.drivers import ready
from harness.drivers.ready import watch_ready
from harness.history.records import ReadyRecord
from tests.drivers.providers import refused_port

KEY = {"authorization": "Bearer hunter2"}


async def answers(handler: web.RequestHandler, *, times: int = 1, url: str = "http://{}/ready") -> list[ReadyRecord]:
    """Return the records of some questions to a server."""
    rows: list[ReadyRecord] = []
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"127.0.0.1:{runner.addresses[0][1]}"
        origin_ns = time.monotonic_ns()
        end_ns = origin_ns + times * ready.EVERY_NS
        await watch_ready(url.format(address), KEY, rows.append, origin_ns=origin_ns, end_ns=end_ns)
    finally:
        await runner.cleanup()
    return rows


async def test_an_open_address_gets_no_key() -> None:
    """The first question is a stranger's."""
    seen = []

    async def open_to_all(request: web.BaseRequest) -> web.Response:
        seen.append((request.path, request.headers.get("authorization")))
        return web.Response()

    (row,) = await answers(open_to_all)
    assert (row.status, row.keyed, seen) == (200, False, [("/ready", None)])
    assert row.end_ns is not None
    assert row.end_ns >= row.start_ns


@pytest.mark.parametrize("refusal", [401, 403, 500])
@pytest.mark.parametrize("url", ["http://{}/ready", "http://me:mine@{}/ready"])
async def test_where_a_key_is_wanted_it_is_given(url: str, refusal: int) -> None:
    """And the record shows that it was needed, whatever status says so. A password in the address is no stranger's either."""
    seen = []

    async def locked(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers.get("authorization"))
        return web.Response(status=200 if seen[-1] else refusal)

    (row,) = await answers(locked, url=url)
    assert (row.status, row.keyed) == (200, True)
    assert seen[0] is None
    assert seen[1] in (KEY["authorization"], f"Basic {base64.b64encode(b'me:mine').decode()}")


async def test_a_gateway_that_is_not_ready_needs_no_key() -> None:
    """It answers those with a key alike: the stranger's answer is recorded."""

    async def starting(request: web.BaseRequest) -> web.Response:
        return web.Response(status=503)

    (row,) = await answers(starting)
    assert (row.status, row.keyed) == (503, False)


async def test_one_that_hangs_makes_no_other_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record has no end, and the questions after it are asked in time."""
    monkeypatch.setattr(ready, "EVERY_NS", 10**7)
    monkeypatch.setattr(ready, "ANSWER_S", 0.3)
    asked = asyncio.Event()
    calls = iter(range(100))

    async def first_hangs(request: web.BaseRequest) -> web.Response:
        if next(calls) == 0:
            await asked.wait()
        asked.set()
        return web.Response()

    rows = await answers(first_hangs, times=3)
    assert [row.status for row in rows] == [200, 200, 200]  # the first could end only because the second was asked


async def test_one_that_never_answers_has_a_record_too() -> None:
    """Nobody listens: no end, no status."""
    rows: list[ReadyRecord] = []
    begin_ns = time.monotonic_ns()
    await watch_ready(refused_port(), {}, rows.append, origin_ns=begin_ns, end_ns=begin_ns + 1)
    assert [(row.end_ns, row.status, row.keyed) for row in rows] == [(None, None, False)]
