"""Loading a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.judge import RunData, Status, Verdict, judge, measure, metrics_json, verdict_json
from harness.report import open_run
from harness.store import RunFolder
from tests.histories import plan_in
from tests.report.conftest import keep


def test_open_run_finds_the_run(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, else the environment, else the latest under ./reports, here or one above."""
    monkeypatch.delenv("HARNESS_RUN", raising=False)
    monkeypatch.chdir(folder.path.parents[2])
    assert open_run(folder.path).path == folder.path
    assert open_run().path == folder.path
    monkeypatch.chdir(folder.path.parents[1])
    assert open_run().path == folder.path
    monkeypatch.setenv("HARNESS_RUN", str(folder.path.parent / "none"))
    with pytest.raises(UsageError, match="not a run's folder"):
        open_run()


def test_no_run_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any run, the hint names the command that makes one."""
    monkeypatch.delenv("HARNESS_RUN", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is no run yet"):
        open_run()


def test_the_recorded_verdict_is_the_one_shown(tmp_path: Path) -> None:
    """The runner may know more than the records (a part died): its verdict is shown, not a new one."""
    kept = keep(tmp_path, plan_in(tmp_path))
    plan, history = kept.plan(), kept.history()
    metrics = measure(RunData.of(plan, history))
    assert judge(RunData.of(plan, history), metrics).status is Status.FAIL
    verdict = Verdict(status=Status.INCONCLUSIVE, exit_code=4, reasons=("edge: died",))
    kept.write_verdict(verdict_json(verdict), metrics_json(metrics))
    assert open_run(kept.path).verdict == verdict


def test_a_whole_verdict_survives_the_disk(tmp_path: Path) -> None:
    """Every field of a recorded verdict comes back as it was, but for bounds that are infinite."""
    kept = keep(tmp_path, plan_in(tmp_path))
    plan, history = kept.plan(), kept.history()
    verdict = judge(RunData.of(plan, history))
    kept.write_verdict(verdict_json(verdict), metrics_json(measure(RunData.of(plan, history))))
    shown = open_run(kept.path).verdict
    assert shown.findings == verdict.findings
    assert verdict_json(shown) == verdict_json(verdict)


def test_recorded_numbers_are_not_measured_again(tmp_path: Path) -> None:
    """The page shows the numbers of `metrics.json`; another file is refused, with its name."""
    kept = keep(tmp_path, plan_in(tmp_path))
    data = RunData.of(kept.plan(), kept.history())
    metrics = measure(data)
    changed = replace(metrics, phases={**metrics.phases, "fault": {}})
    kept.write_verdict(verdict_json(judge(data, metrics)), metrics_json(changed))
    assert open_run(kept.path).metrics.phases["fault"] == {}
    kept.write_verdict(verdict_json(judge(data, metrics)), {"phases": 3})
    with pytest.raises(UsageError, match="not the metrics of a run"):
        open_run(kept.path)
