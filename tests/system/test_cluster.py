"""Simulations on the workers of a real Dask scheduler, on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from distributed import Client

from harness import experiment
from harness.engines import Quiet
from harness.errors import ExitCode, HarnessError
from harness.experiment.cluster import client
from harness.experiment.cluster.client import Cluster
from tests.experiment.files import scenario
from tests.plans import chain_file
from tests.polling import until
from tests.system.conftest import END_S, ROOT

pytestmark = pytest.mark.system

CHAIN = chain_file("openai", "azure", driver="reference", name="two")
TIMES = {"environment.json", "junit.xml"}
"""Files of a run that hold times of the wall."""


class Started(NamedTuple):
    """A scheduler with workers.

    Attributes:
        address: The scheduler's.
        workers: Those that can be used; another one has two threads.
    """

    address: str
    workers: Sequence[psutil.Process]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A scheduler and three workers, each a process of its own."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    with contextlib.ExitStack() as stack:

        def start(name: str, *options: str) -> psutil.Process:
            log = stack.enter_context((folder / f"{name}.log").open("w"))
            words = [sys.executable, "-m", "distributed.cli.dask_" + name.partition("-")[0], *common, *options]
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            process = subprocess.Popen(words, cwd=folder, env=env, stdout=log, stderr=log)
            stack.callback(process.wait, END_S)
            stack.callback(process.terminate)
            return psutil.Process(process.pid)

        start("scheduler", "--port", "0")
        until(file.exists)
        workers = [
            start(f"worker-{n}", "--no-nanny", "--local-directory", str(folder / str(n)), "--nthreads", str(number))
            for n, number in enumerate((1, 1, 2))
        ]
        address = until(lambda: json.loads(file.read_text()).get("address"))
        until(lambda: asyncio.run(threads(address)) == [1, 1, 2])
        yield Started(address, workers[:2])


async def threads(address: str) -> list[int]:
    """Return how many threads each worker of a scheduler has."""
    async with Client(address, asynchronous=True, set_as_default=False) as dask:
        return sorted((await dask.nthreads()).values())


def files(reports: Path) -> dict[tuple[str, int, str], bytes]:
    """Return what the runs of a suite hold, without times: by scenario, seed and file."""
    found = {}
    for file in (each for name in ("one", "two") for each in (reports / name).rglob("*") if each.is_file()):
        scenario, run, *rest = file.relative_to(reports).parts
        if not TIMES.intersection(rest):
            found[scenario, int(run.rpartition("-")[2]), "/".join(rest)] = file.read_bytes()
    return found


def score(reports: Path) -> list[Any]:
    """Return the cells of a suite without times and paths."""
    cells = json.loads(next(reports.glob("suites/*/suite.json")).read_text())["cells"]
    for cell in cells:
        cell["run"] = None
        cell["runs"] = [{**run, "run": None, "wall_s": None} for run in cell["runs"]]
    return cells


def test_a_suite_has_the_scorecard_of_one_machine(cluster: Started, tmp_path: Path) -> None:
    """So have its runs the same files, to the last byte; a worker with two threads is named and not used."""
    (tmp_path / "chain.yaml").write_text(CHAIN)
    paths = [scenario(tmp_path, "one"), scenario(tmp_path, "two", rate=2)]
    said: list[str] = []
    for name, scheduler in (("own", None), ("there", cluster.address)):
        reports = tmp_path / name
        experiment.suite(
            paths, reports=reports, progress=Quiet(said.append), repeat=2, engine="sim", scheduler=scheduler
        )
    assert score(tmp_path / "there") == score(tmp_path / "own")
    own = files(tmp_path / "own")
    assert own == files(tmp_path / "there")
    assert {("one", 1, "requests.parquet"), ("two", 2, "verdict.json")} <= own.keys()
    assert [text.partition(": ")[2] for text in said] == ["it has 2 threads, and runs need a worker each: --nthreads 1"]


def test_a_search_uses_all_workers_and_ctrl_c_ends_it_there(cluster: Started, tmp_path: Path) -> None:
    """No process of ours goes on there."""
    (tmp_path / "chain.yaml").write_text(CHAIN)
    words = ["explore", "chain.yaml", "--budget", "10m", "--scheduler", cluster.address, "--json"]
    command = [sys.executable, "-m", "harness", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until(lambda: process.poll() is not None or all(_searches(worker) for worker in cluster.workers))
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=END_S)
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert b"Traceback" not in err
    until(lambda: not any(_searches(worker) for worker in cluster.workers))


def _searches(worker: psutil.Process) -> bool:
    """Return whether a worker has a search that has forked what it confirms its finds in."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return any("search_part" in " ".join(each.cmdline()) for each in worker.children(recursive=True))
    return False


def test_workers_of_another_version_are_named_and_not_used(cluster: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with both versions; without any other there is nothing to run on."""
    monkeypatch.setattr(client, "versions", lambda _names: {"harness": "0.0.9", "litellm": "1.0"})

    async def story() -> None:
        async with Cluster.connected(cluster.address, (), say=lambda _text: None):
            pass

    with pytest.raises(HarnessError, match="none of its 3 workers can be used") as refused:
        asyncio.run(story())
    assert refused.value.exit_code == ExitCode.HARNESS
    assert str(refused.value).count("and we have 0.0.9: install the same there") == 2


def test_what_a_lost_worker_was_at_is_done_again(
    cluster: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the other one; when that is lost too, the error names it. It is the last of this file: no worker is left."""
    monkeypatch.setattr(client, "_WORKER", "tests.system.at_work")
    monkeypatch.setattr(client, "WORKERS_S", 1.0)
    said: list[str] = []

    async def story() -> None:
        async with Cluster.connected(cluster.address, (), say=said.append) as there:
            asking = asyncio.create_task(there.ask("busy", str(tmp_path)))
            first = int(await asyncio.to_thread(until, lambda: _text(tmp_path / "first")))
            os.kill(first, signal.SIGKILL)
            second = await asyncio.wait_for(asking, END_S)
            assert {first, second} == {each.pid for each in cluster.workers}
            (tmp_path / "first").unlink()
            asking = asyncio.create_task(there.ask("busy", str(tmp_path)))
            await asyncio.to_thread(until, lambda: _text(tmp_path / "first"))
            os.kill(second, signal.SIGKILL)
            with pytest.raises(HarnessError, match="no worker is left; lost: tcp://") as gone:
                await asyncio.wait_for(asking, END_S)
            assert gone.value.exit_code == ExitCode.HARNESS

    asyncio.run(story())
    assert any("was lost; what it was at is done again elsewhere" in text for text in said)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""
