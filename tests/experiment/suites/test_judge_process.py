"""Runs judged in a process of their own."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from harness.errors import ExitCode, HarnessError
from harness.experiment.suites.jobs import jobs
from harness.experiment.suites.judge_process import JudgeProcess, judge_folder
from harness.judge import Score
from harness.store import RunFolder
from tests.experiment.files import scenario


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Make the folder of a run of which nothing was captured."""
    (job,) = jobs([scenario(tmp_path, "one")])
    return RunFolder.create(tmp_path / "reports", job.loaded.plan)


def test_a_run_without_records_is_no_pass(folder: RunFolder) -> None:
    """Everything is written down all the same, and why."""
    judged = judge_folder(folder, "edge: died")
    assert (judged.score, judged.exit_code) == (Score.INCONCLUSIVE, 4)
    assert judged.reasons[0] == "edge: died"
    assert (judged.tally.requests, judged.tally.success) == (0, None)  # none was due before it died
    assert folder.verdict()["reasons"][0] == "edge: died"
    assert (folder.path / "junit.xml").is_file()
    assert judge_folder(folder, "").exit_code == 3
    assert judge_folder(folder, "edge: 7 calls", exit_code=ExitCode.INCONCLUSIVE).exit_code == 3
    assert folder.verdict()["exit_code"] == 3


@pytest.mark.system
def test_the_judge_outlives_what_it_cannot_judge(folder: RunFolder, tmp_path: Path) -> None:
    """A run that is not there, and its own death, cost one answer each; it works at the lowest priority."""

    async def story() -> None:
        async with JudgeProcess.start(tmp_path / "judge.log") as judging:
            assert (await judging.judge(folder, "")).score is Score.INCONCLUSIVE
            gone = RunFolder(tmp_path / "gone")
            with pytest.raises(HarnessError, match=r"no plan\.json"):
                await judging.judge(gone, "")
            child = judging._child
            assert child is not None
            assert psutil.Process(child.pid).nice() == 19
            os.kill(child.pid, signal.SIGKILL)
            with pytest.raises(HarnessError, match="SIGKILL"):
                await judging.judge(folder, "")
            assert (await judging.judge(folder, "")).exit_code == 3

    asyncio.run(asyncio.wait_for(story(), 120))
