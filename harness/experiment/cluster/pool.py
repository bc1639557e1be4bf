"""Simulate a suite's runs on a cluster: the worker simulates and judges a run, and sends back what its folder holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.engines import Gate, Progress
from harness.errors import ExitCode, HarnessError
from harness.experiment.cluster.client import Cluster
from harness.experiment.cluster.shipping import distributions, shipped
from harness.experiment.suites.judge_process import Judged, JudgeProcess
from harness.experiment.suites.simulating import Simulated, SimulateRun
from harness.lines import read, write
from harness.messages import Refused

if TYPE_CHECKING:
    from harness.chain import Chain
    from harness.experiment.suites.jobs import Job
    from harness.store import RunFolder


class ClusterPool:
    """To a suite what `SuitePool` is: both the engine and the judge.

    Args:
        cluster: Its workers.
        judge: Judges what no worker has judged.
    """

    def __init__(self, cluster: Cluster, judge: JudgeProcess) -> None:
        self.workers = len(cluster.workers)
        self._cluster = cluster
        self._judge = judge
        self._judged: dict[Path, Judged] = {}

    @classmethod
    @asynccontextmanager
    async def start(
        cls, scheduler: str, chains: Sequence[Chain], log: Path, progress: Progress
    ) -> AsyncIterator[ClusterPool]:
        """Connect to a cluster; leaving ends what is under way for us there.

        Args:
            scheduler: Its address.
            chains: Those that are to run there.
            log: Where the process that judges here writes its messages.
            progress: Shows which workers are not used, and which are lost.

        Raises:
            UsageError: The extra is not installed, or this is no address.
            HarnessError: There is no scheduler, or none of its workers can be used.
        """
        names = tuple(dict.fromkeys(name for chain in chains for name in distributions(chain)))
        async with (
            JudgeProcess.start(log) as judge,
            Cluster.connected(scheduler, names, say=progress.say) as cluster,
        ):
            yield cls(cluster, judge)

    async def carry(self, job: Job, folder: RunFolder, _gate: Gate) -> HarnessError | None:
        """Simulate and judge a run; see `harness.experiment.suites.conductor.CarryOut`."""
        message = SimulateRun(run=str(folder.path), chain=shipped(job.loaded.chain), command=job.command)
        try:
            line, files = await self._cluster.ask("simulate", write(message), held(folder.path))
        except HarnessError as error:
            return error
        put(folder.path, files)
        answer = read(line, Simulated, Refused)
        if isinstance(answer, Refused):
            return answer.error()
        self._judged[folder.path] = answer.judged
        return None if answer.error is None else answer.error.error()

    async def judge(self, folder: RunFolder, error: str, *, exit_code: ExitCode = ExitCode.HARNESS) -> Judged:
        """Return the answer of a run; see `harness.experiment.suites.judge_process.Judge`."""
        return self._judged.pop(folder.path, None) or await self._judge.judge(folder, error, exit_code=exit_code)


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Write files, by path within a folder.

    Raises:
        OSError: They cannot be written.
    """
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def held(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, by path within it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
