"""The process that simulates a suite's runs, over many of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import sim
from harness.experiment.prepare import Loaded
from harness.experiment.suites.sim_pool import Simulated, SimulateRun
from harness.messages import Ready, read, write
from harness.store import RunFolder
from tests.sim.worlds import digest, gateway, small, tiny

pytestmark = pytest.mark.system


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """Have a process at hand, as a suite does."""
    argv = [sys.executable, "-m", "harness.experiment.suites.sim_part"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        read(process.stdout.readline(), Ready)
        yield process
        process.stdin.close()
        assert process.wait(60) == 0


def carry(process: subprocess.Popen[bytes], loaded: Loaded, reports: Path) -> RunFolder:
    """Have a run simulated and judged."""
    folder = RunFolder.create(reports, loaded.plan)
    assert process.stdin
    assert process.stdout
    process.stdin.write(write(SimulateRun(run=str(folder.path), chain=loaded.chain, command="harness run")))
    process.stdin.flush()
    assert read(process.stdout.readline(), Simulated).problem is None
    return folder


def test_a_worker_s_fiftieth_run_is_like_a_first_one(tmp_path: Path) -> None:
    """Whatever it has simulated before, on whatever chain."""
    reference = small(tmp_path, "reference")
    router = tiny(tmp_path, "litellm-router", "{status: 429}, share: 60%", chain=gateway(tmp_path))
    with worker() as process:
        for _ in range(25):
            last = [carry(process, loaded, tmp_path / "reports") for loaded in (reference, router)]
    here = [sim.run(loaded.plan, loaded.chain).history for loaded in (reference, router)]
    assert [digest(folder.history()) for folder in last] == [digest(history) for history in here]
