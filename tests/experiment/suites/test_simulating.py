"""Suites in virtual time."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from harness import experiment
from harness.engines import Quiet
from harness.errors import ExitCode, UsageError
from harness.experiment.suites.jobs import jobs
from harness.experiment.suites.simulating import SuitePool
from harness.judge import Score
from harness.store import RunFolder
from tests.experiment.files import scenario
from tests.plans import chain_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a chain."""
    (tmp_path / "chain.yaml").write_text(chain_file("openai", "azure"))
    return tmp_path


def test_a_suite_is_simulated_judged_and_kept(folder: Path) -> None:
    """Every run has its folder and its score, and a second suite has the same scores."""
    paths = [scenario(folder, "one"), scenario(folder, "two", rate=2)]
    cards = [
        experiment.suite(paths, reports=folder / name, progress=Quiet(), repeat=3, engine="sim") for name in ("a", "b")
    ]
    runs = [[run for cell in card.cells for run in cell.runs] for card in cards]
    assert all(run.ended and not run.error and run.score is not None for run in runs[0])
    assert [(run.score, run.tally) for run in runs[0]] == [(run.score, run.tally) for run in runs[1]]
    assert all(RunFolder.open(Path(run.run or "")).verdict() for run in runs[0])


def test_what_only_live_can_do_is_refused_before_anything_starts(folder: Path) -> None:
    """A usage error, as for a single run."""
    (folder / "chain.yaml").write_text(
        chain_file("openai", "azure", driver="endpoint", name="gateway")
        + "endpoint: {base_url: 'http://127.0.0.1:9/v1', model: gpt-4, command: [true]}\n"
    )
    with pytest.raises(UsageError, match="live"):
        experiment.suite([scenario(folder, "one")], reports=folder / "r", progress=Quiet(), engine="sim")
    assert not (folder / "r").exists()


def test_a_suite_that_was_cut_short_goes_on(folder: Path) -> None:
    """What is done is not done again."""
    first = experiment.suite([scenario(folder, "one")], reports=folder / "r", progress=Quiet(), engine="sim")
    again = experiment.suite(
        [scenario(folder, "one"), scenario(folder, "two")],
        reports=folder / "r",
        progress=Quiet(),
        engine="sim",
        resume=Path(first.path),
    )
    assert again.cells[0].runs[0].run == first.cells[0].runs[0].run
    assert again.cells[1].runs[0].score is not None


@pytest.mark.system
def test_a_process_that_dies_costs_one_run(folder: Path) -> None:
    """The error names it, and the next run gets another process."""
    todo = jobs([scenario(folder, "one"), scenario(folder, "two")])

    async def story() -> None:
        async with SuitePool.start(1, folder / "sim.log") as suite_pool:
            runs = [RunFolder.create(folder / "r", job.loaded.plan) for job in todo]

            async def gate() -> None:
                return

            assert await suite_pool.carry(todo[0], runs[0], gate) is None
            (child,) = suite_pool._pool._children
            os.killpg(child.pid, signal.SIGKILL)
            error = await suite_pool.carry(todo[1], runs[1], gate)
            assert error is not None
            assert error.exit_code == ExitCode.HARNESS
            assert error.where == "sim"
            assert (await suite_pool.judge(runs[0], "")).score is not Score.INCONCLUSIVE
            assert await suite_pool.carry(todo[1], runs[1], gate) is None

    asyncio.run(asyncio.wait_for(story(), 120))
