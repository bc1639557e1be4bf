"""A Toxiproxy that stalls shows in the health records, for as long as it did."""

import asyncio
import itertools
import os
import signal
import time
from pathlib import Path

import pytest

from harness.history.records import HealthRecord
from harness.live.toxiproxy import Binary, silence
from harness.live.toxiproxy.silence import SLICE_NS, watch_api
from tests.live.world import World, tell
from tests.polling import until_async

STOPPED_S = 0.6
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.system
def test_a_stopped_server_is_silent_for_as_long(binary: Binary, tmp_path: Path) -> None:
    """The records before and after are short; the one that ends the silence has its whole length."""
    rows: list[HealthRecord] = []

    async def story(made: World) -> None:
        task = asyncio.create_task(made.toxiproxy.watch(rows.append))
        await until_async(lambda: len(rows) >= 3)
        group = made.toxiproxy._server.child.pid
        os.killpg(group, signal.SIGSTOP)
        began_ns, seen = time.monotonic_ns(), len(rows)
        await asyncio.sleep(STOPPED_S)
        os.killpg(group, signal.SIGCONT)
        await until_async(lambda: len(rows) >= seen + 3)
        task.cancel()
        longest = max(rows, key=lambda row: row.loop_lag_ns)
        assert longest.loop_lag_ns >= 0.7 * STOPPED_S * 1e9
        assert longest.at_ns >= began_ns + STOPPED_S * 1e9

    tell(binary, tmp_path, story)
    assert {row.process for row in rows} == {"toxiproxy"}


async def test_an_endless_silence_is_written_down_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the server is asked again on a connection of its own: it may have been replaced."""
    monkeypatch.setattr(silence, "TIMEOUT_S", 0.1)
    rows: list[HealthRecord] = []
    connections = itertools.count()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if next(connections) % 2:  # every second one is answered once
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        task = asyncio.create_task(watch_api(lambda: port, rows.append))
        await until_async(lambda: len(rows) >= 3)
        task.cancel()
        await asyncio.wait([task])
    assert [row.loop_lag_ns > 0.09e9 for row in rows[:3]] == [True, False, True]


def test_a_runner_that_is_stopped_does_not_blame_the_other() -> None:
    """A slice counts as no more than its length, however late this process woke up from it."""
    readings = iter([0, 3 * 10**9, 3 * 10**9, 3 * 10**9 + 1000])

    async def main() -> tuple[int, bool]:
        answer = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1.5 * SLICE_NS / 1e9, answer.set_result, None)
        return await silence.silence(answer, lambda: next(readings))

    assert asyncio.run(main()) == (SLICE_NS + 1000, True)
