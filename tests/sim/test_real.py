"""Every way to wait, to measure time, to draw a number or to reach outside: it raises by name, or is virtual."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import http.client
import multiprocessing
import os
import queue
import random
import secrets
import select
import selectors
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic, perf_counter
from time import sleep as sleep_by_another_name
from typing import Any

import aiohttp
import anyio
import anyio.to_thread
import httpx
import pytest
import requests
import urllib3

from harness.sim.clock import EPOCH_S, Clock, UnrealError, run

NOWHERE = "http://127.0.0.1:9/"


def _idle_selector() -> None:
    with selectors.DefaultSelector() as selector:
        selector.select(0.001)


def _connect(family: int, address: Any) -> None:
    with socket.socket(family) as out:
        out.connect(address)


def _tls() -> None:
    with socket.socket() as plain, ssl.create_default_context().wrap_socket(plain, server_hostname="x.example") as tls:
        tls.connect(("127.0.0.1", 9))


def _packet() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendmsg([b"x"], [], 0, ("127.0.0.1", 9))


def _listener() -> None:
    with socket.socket() as taken:
        taken.listen()


def _pool_of_processes() -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(int).result()


def _wait_for_a_result() -> None:
    concurrent.futures.Future[None]().result(0.001)


def _second_loop() -> None:
    story = asyncio.sleep(0)
    try:
        asyncio.run(story)
    finally:
        story.close()


def _spawned() -> None:
    multiprocessing.get_context("spawn").Process(target=int).start()


DEEDS: dict[str, tuple[Callable[[], Any], str]] = {
    "sleep": (lambda: time.sleep(0.001), "sleep"),
    "sleep under another name": (lambda: sleep_by_another_name(0.001), "sleep"),
    "event": (lambda: threading.Event().wait(0.001), "wait for a thread"),
    "condition of a queue": (lambda: queue.Queue[int]().get(timeout=0.001), "wait for a thread"),
    "simple queue": (lambda: queue.SimpleQueue[int]().get(timeout=0.001), "wait for a thread"),
    "barrier": (lambda: threading.Barrier(2).wait(0.001), "wait for a thread"),
    "result": (_wait_for_a_result, "wait for a thread"),
    "select": (lambda: select.select([], [], [], 0.001), "wait for files"),
    "poll": (lambda: select.poll().poll(1), "wait for files"),
    "selector": (_idle_selector, "wait for files"),
    "alarm": (lambda: signal.alarm(1), "timer"),
    "interval": (lambda: signal.setitimer(signal.ITIMER_REAL, 1), "timer"),
    "signal": (lambda: signal.sigwait([signal.SIGUSR1]), "signal"),
    "thread that waits": (lambda: threading.Thread(target=threading.Event().wait).start(), "wait for a thread"),
    "join": (lambda: threading.Thread(target=print).join(), "wait for a thread"),
    "timer": (lambda: threading.Timer(0.001, print).start(), "wait for a thread"),
    "bare thread": (lambda: _thread.start_new_thread(print, ()), "thread"),
    "process": (lambda: subprocess.run(["true"], check=False), "process"),
    "shell": (lambda: os.system("true"), "process"),  # noqa: S605 - it must not even begin
    "pipe": (lambda: os.popen("true"), "process"),  # noqa: S605 - as above
    "fork": (lambda: os.fork(), "process"),  # noqa: PLW0108 - looked up when it is called, or it would be the real one
    "spawn": (lambda: os.posix_spawn("/bin/true", ["true"], {}), "process"),
    "exec": (lambda: os.execvp("true", ["true"]), "process"),  # noqa: S606 - as above
    "forked worker": (lambda: multiprocessing.get_context("fork").Process(target=int).start(), "process"),
    "spawned worker": (_spawned, "process"),
    "pool of processes": (_pool_of_processes, "real"),
    "connection": (lambda: socket.create_connection(("127.0.0.1", 9)), "look-up"),
    "connection over IPv6": (lambda: _connect(socket.AF_INET6, ("::1", 9)), "connection"),
    "unix socket": (lambda: _connect(socket.AF_UNIX, "/nowhere"), "connection"),
    "TLS": (_tls, "connection"),
    "packet": (_packet, "packet"),
    "listener": (_listener, "listener"),
    "name": (lambda: socket.gethostbyname("x.example"), "look-up"),
    "http.client": (lambda: http.client.HTTPConnection("127.0.0.1", 9).request("GET", "/"), "look-up"),
    "urllib": (lambda: urllib.request.urlopen(NOWHERE), "look-up"),
    "urllib3": (lambda: urllib3.request("GET", NOWHERE, retries=False), "look-up"),
    "requests": (lambda: requests.get(NOWHERE, timeout=1), "look-up"),
    "httpx": (lambda: httpx.get(NOWHERE), "look-up"),
    "second loop": (_second_loop, "event loop"),
}
"""What somebody does, and a word of the error."""


async def _httpx() -> None:
    async with httpx.AsyncClient() as client:
        await client.get(NOWHERE)


async def _aiohttp(url: str = NOWHERE) -> None:
    async with aiohttp.ClientSession() as session, session.get(url):
        pass


async def _pipe() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _reader, writer = await asyncio.open_connection(sock=ours)
        writer.close()


async def _pool() -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(int)


async def _in_a_thread() -> None:
    await asyncio.to_thread(time.sleep, 0.001)


async def _in_anyio_s_thread() -> None:
    await anyio.to_thread.run_sync(time.sleep, 0.001)


async def _loop_in_a_thread() -> None:
    await asyncio.to_thread(_second_loop)


AWAITED: dict[str, tuple[Callable[[], Awaitable[Any]], str]] = {
    "asyncio connection": (lambda: asyncio.open_connection("127.0.0.1", 9), "connection|look-up"),
    "asyncio name": (lambda: asyncio.open_connection("x.example", 9), "look-up"),
    "asyncio listener": (lambda: asyncio.start_server(print, "127.0.0.1", 0), "listener|look-up"),
    "asyncio process": (lambda: asyncio.create_subprocess_exec("true"), "process|socket"),
    "asyncio pipe": (_pipe, "socket"),
    "anyio connection": (lambda: anyio.connect_tcp("127.0.0.1", 9), "connection|look-up"),
    "httpx client": (_httpx, "connection|look-up"),
    "aiohttp": (_aiohttp, "connection"),
    "aiohttp name": (lambda: _aiohttp("http://x.example/"), "look-up"),
    "sleep in a thread": (_in_a_thread, "sleep"),
    "sleep in anyio's thread": (_in_anyio_s_thread, "sleep"),
    "loop in a thread": (_loop_in_a_thread, "event loop"),
}


@pytest.mark.parametrize("swallowed", [True, False], ids=["swallowed", "raised"])
@pytest.mark.parametrize("name", DEEDS)
def test_what_is_real_stops_the_run(name: str, swallowed: bool) -> None:
    """The error names what was tried and by which module, even if that module catches it."""
    deed, word = DEEDS[name]

    async def main(_clock: Clock) -> None:
        try:
            deed()
        except Exception:
            if not swallowed:
                raise

    with pytest.raises(UnrealError, match=word) as caught:
        run(main)
    assert ", by " in caught.value.problem


@pytest.mark.parametrize("name", AWAITED)
def test_what_is_real_stops_the_run_that_awaits_it(name: str) -> None:
    """The same for what asyncio and its clients do, and for what is done in a thread; swallowed, as clients do it."""
    deed, word = AWAITED[name]

    async def main(_clock: Clock) -> None:
        try:
            await deed()
        except Exception:
            await asyncio.sleep(1)

    with pytest.raises(UnrealError, match=word):
        run(main)


def test_a_thread_s_work_is_done_where_it_is_started() -> None:
    """As a pool's: LiteLLM writes its logs in threads. An error in it is the thread's own."""
    done: list[int] = []

    async def main(_clock: Clock) -> None:
        thread = threading.Thread(target=done.append, args=(1,))
        thread.start()
        assert done == [1]
        thread.join()

    run(main)


DRAWN: dict[str, Callable[[], Any]] = {
    "os.urandom": lambda: os.urandom(8),
    "secrets": lambda: secrets.token_hex(8),
    "SystemRandom": lambda: random.SystemRandom().random(),
    "a generator of its own": lambda: random.Random().random(),
    "uuid4": uuid.uuid4,
    "uuid1": lambda: (uuid.uuid1().node, uuid.uuid1().time > 0),
    "time": lambda: (time.time(), time.time_ns(), time.strftime("%F %T", time.gmtime())),
    "datetime": lambda: datetime.now(UTC),
    "monotonic": lambda: (time.monotonic(), time.monotonic_ns(), monotonic()),
    "perf_counter": lambda: (time.perf_counter(), time.perf_counter_ns(), perf_counter()),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_left_to_chance_is_the_same_in_every_run(name: str) -> None:
    """Numbers, names and times; within a run they differ from one another as ever."""
    draw = DRAWN[name]

    async def main(_clock: Clock) -> list[Any]:
        found = [draw()]
        await asyncio.sleep(1.5)
        return [*found, draw()]

    first, second = run(main), run(main)
    assert first == second
    assert first[0] != first[1] or name == "uuid1"


def test_all_clocks_agree() -> None:
    """What measures a wait finds the time that has passed on the loop's clock."""

    async def main(clock: Clock) -> None:
        await asyncio.sleep(2.5)
        assert time.monotonic() == time.perf_counter() == monotonic() == asyncio.get_running_loop().time() == 2.5
        assert time.monotonic_ns() == time.perf_counter_ns() == clock.now_ns == 2_500_000_000
        assert time.time() == EPOCH_S + 2.5

    run(main)


def test_afterwards_all_is_as_it_was() -> None:
    """Also after a run that failed; what took hold of a function in a run has the real one then."""
    held: list[Callable[[float], None]] = []
    before = (time.sleep, time.monotonic, os.urandom, socket.socket.connect, random.Random.seed, queue.SimpleQueue)
    mine = (sleep_by_another_name, monotonic)

    async def main(_clock: Clock) -> None:
        held.append(time.sleep)
        time.sleep(1)  # noqa: ASYNC251 - what must not happen

    with pytest.raises(UnrealError):
        run(main)
    after = (time.sleep, time.monotonic, os.urandom, socket.socket.connect, random.Random.seed, queue.SimpleQueue)
    assert after == before
    assert (sleep_by_another_name, monotonic) == mine == (time.sleep, time.monotonic)
    held[0](0)
    assert os.urandom(8) != os.urandom(8)


def test_another_thread_goes_on() -> None:
    """A thread that was there before, such as a progress bar's, sleeps and measures as it did."""
    seen: list[float] = []
    begun, over = threading.Event(), threading.Event()

    def beside() -> None:
        begun.wait()
        before = time.monotonic()
        time.sleep(0.001)
        seen.append(time.monotonic() - before)
        over.set()

    async def main(_clock: Clock) -> None:
        begun.set()
        while not over.is_set():  # noqa: ASYNC110 - no event of asyncio's can be set from another thread
            await asyncio.sleep(0.001)

    thread = threading.Thread(target=beside)
    thread.start()
    run(main)
    thread.join()
    assert seen[0] > 0


@pytest.mark.parametrize("beside", [False, True], ids=["within", "beside"])
def test_a_second_run_at_a_time_is_refused(beside: bool) -> None:
    """Clock and stand-ins are those of the process: two runs would share them, and the first go on for real."""
    refused: list[BaseException] = []

    def second() -> None:
        try:
            run(lambda _clock: asyncio.sleep(1))
        except UnrealError as error:
            refused.append(error)

    async def main(clock: Clock) -> tuple[int, float]:
        if beside:
            ask.set()
            while thread.is_alive():  # noqa: ASYNC110 - no event of asyncio's can be set from another thread
                await asyncio.sleep(0.001)
        else:
            second()
        before_ns, clock_s = clock.now_ns, time.monotonic()
        await asyncio.sleep(2)
        return clock.now_ns - before_ns, time.monotonic() - clock_s

    ask = threading.Event()
    thread = threading.Thread(target=lambda: (ask.wait(), second()))
    if beside:
        thread.start()
    passed = run(main)
    if beside:
        thread.join()
    assert passed == (2_000_000_000, pytest.approx(2))
    assert "another run" in str(refused[0])
