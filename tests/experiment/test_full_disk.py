"""A disk that is full: an error that names the file and is no bug, and no half-written file that takes room."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import sim
from harness.engines import Engine, Quiet
from harness.errors import HarnessError
from harness.experiment import run, single_run
from harness.experiment.judging import judge_run
from harness.experiment.prepare import load
from harness.experiment.suites.simulating import SimulateRun, simulated
from harness.messages import Failed
from harness.sim import warm
from harness.store import RunFolder
from harness.store.files import written
from tests.experiment.files import scenario
from tests.plans import chain_file

ROOM = 14_000
"""Bytes that a file may have: enough for plan.json, too few for a table."""


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond ROOM; the system's words for that are `File too large`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a scenario of a chain that starts fast."""
    (tmp_path / "chain.yaml").write_text(chain_file("openai", "azure"))
    return scenario(tmp_path, "one", baseline_s=1, rate=4)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What did not fit leaves nothing behind, and what was there before stays."""
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with full_disk(), pytest.raises(OSError, match="File too large") as caught, written(path) as partial:
        partial.write_bytes(bytes(2 * ROOM))
    assert caught.value.filename == str(path)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"file": b"before"}


def test_a_verdict_counts_without_its_metrics(small: Path, tmp_path: Path) -> None:
    """They are left out with a warning where there is no room for them."""
    said: list[str] = []
    loaded = load(small)
    folder = RunFolder.create(tmp_path, loaded.plan)
    folder.prometheus.mkdir()  # nothing can be written at that name
    history = sim.run(loaded.plan, loaded.chain).history
    result = judge_run(loaded.plan, folder, history, None, Quiet(said.append))
    assert result.error is None
    assert folder.verdict()["status"] == result.run.verdict.status
    assert [text.startswith("warning: ") and "metrics.prom" in text for text in said] == [True]


def test_a_simulated_run_names_the_file(small: Path, tmp_path: Path) -> None:
    """It ends with the harness's own exit code, and asks for no bug report."""
    with full_disk(), pytest.raises(HarnessError) as caught:
        run(small, reports=tmp_path / "reports", progress=Quiet(), engine=Engine.SIM, command="")
    assert str(caught.value).startswith(f"{tmp_path}/reports/one/")
    assert str(caught.value).endswith("/attempts.parquet: File too large")
    assert not list(tmp_path.rglob(".*.part"))


def test_a_simulated_run_of_a_suite_names_the_file(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the one line that the suite prints of it."""

    def here(_chain: Any, work: Callable[[], object], *, owner: int) -> object:
        return work()

    loaded = load(small)
    folder = RunFolder.create(tmp_path / "reports", loaded.plan)
    monkeypatch.setattr(warm, "in_fork_for", here)
    with (tmp_path / "chain.yaml").open() as stdin, full_disk():
        monkeypatch.setattr("sys.stdin", stdin)
        failed = simulated(SimulateRun(run=str(folder.path), chain=loaded.chain, command=""))
    assert failed == Failed(problem=f"{folder.path}/attempts.parquet: File too large")


def test_a_page_that_cannot_be_written_is_a_warning(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict counts without it."""

    def write_report(folder: Path, _judged: object) -> None:
        raise OSError(28, "No space left on device", f"{folder}/report.html")

    shown: list[str] = []
    monkeypatch.setattr(single_run, "write_report", write_report)
    result = run(small, reports=tmp_path / "reports", progress=Quiet(shown.append), engine=Engine.SIM, command="")
    assert result.exit_code == 0
    assert shown[-1] == f"warning: {result.folder.path}/report.html: No space left on device"
