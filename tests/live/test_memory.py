"""The memory of our own parts, and of a gateway that is not ours."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from harness.history.records import GATEWAY, HealthRecord
from harness.live.memory import largest_bytes, watch_memory
from harness.live.processes import OwnedProcess
from harness.part import health
from harness.store import Capture
from tests.polling import until_async

HELD = 80_000_000
PROGRAM = f"""
import subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", "h = bytearray(b'x' * {HELD}); print(flush=True); input()"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
worker.stdout.readline()
print("ready", flush=True)
worker.wait()
"""


@pytest.mark.system
async def test_the_largest_process_of_a_gateway_counts(tmp_path: Path) -> None:
    """A worker of it, not the small program that started it, nor the script that ties both to the run."""
    log, rows = tmp_path / "log", list[HealthRecord]()
    async with OwnedProcess("chain", [sys.executable, "-c", PROGRAM], log=log) as child:
        await until_async(lambda: "ready" in log.read_text())
        task = asyncio.create_task(watch_memory(child.pid, rows.append))
        await until_async(lambda: rows)
        task.cancel()
    assert rows[0].process == GATEWAY
    assert rows[0].resident_bytes is not None
    assert HELD < rows[0].resident_bytes < 2 * HELD


def test_a_group_without_processes_has_none() -> None:
    """It has ended: no number is better than 0."""
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait()
    assert largest_bytes(process.pid) is None


def test_a_part_of_ours_records_its_own(tmp_path: Path) -> None:
    """Where the system says so at all."""
    held = bytearray(b"x" * HELD)
    with Capture(tmp_path, "edge") as capture:
        found = health("edge", 0, capture).resident_bytes
    assert (found is None) == (not Path("/proc/self/statm").exists())
    assert found is None or found > len(held)
