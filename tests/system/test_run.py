"""Two whole runs of the real command at once: what one does for a user, and that they do not meet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.store.format import FORMAT
from tests.system.chains import CHAIN, SCENARIO
from tests.system.conftest import LiveRun, finish, launch, starved

pytestmark = pytest.mark.system

FILES = {
    "plan.json",
    "environment.json",
    "requests.parquet",
    "attempts.parquet",
    "faults.parquet",
    "health.parquet",
    "states.parquet",
    "spend.parquet",
    "metrics.prom",
    "ready.parquet",
    "metrics.json",
    "verdict.json",
    "junit.xml",
    "report.html",
    "capture",
    "logs",
}
Ended = tuple[LiveRun, int, dict[str, Any], str]
"""A run, its exit code, the JSON on its standard output, and its standard error."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Ended]]:
    """Run two scenarios at once, one with a fault at the first provider, one at the second."""
    runs = []
    for on in ("primary", "fallback-1"):
        folder = tmp_path_factory.mktemp(on)
        (folder / "scenario.yaml").write_text(SCENARIO.replace("on: primary", f"on: {on}"))
        (folder / "chain.yaml").write_text(CHAIN)
        runs.append(launch(folder, "run", str(folder / "scenario.yaml")))
    try:
        for run in runs:
            run.until(1)
        ends = [run.end() for run in runs]
        yield [(run, code, json.loads(out), err) for run, (code, out, err) in zip(runs, ends, strict=True)]
    finally:
        for run in runs:
            finish(run)


def test_a_run_ends_in_a_verdict(pair: list[Ended]) -> None:
    """The whole story: exit code, JSON on stdout alone, every file of the folder, everything joined, nothing left."""
    run, code, answer, err = pair[0]
    folder, verdict = Path(answer["run"]), answer["verdict"]
    assert (code, verdict["status"]) == (0, "pass") or (code == 3 and starved(verdict, folder)), (answer, err)
    assert {path.name for path in folder.iterdir()} == FILES
    assert verdict == json.loads((folder / "verdict.json").read_text())
    assert (run.reports / "latest").resolve() == folder
    requests = pd.read_parquet(folder / "requests.parquet")
    attempts = pd.read_parquet(folder / "attempts.parquet")
    assert (requests["outcome"] == "ok").all()
    assert requests["complete"].all()
    assert attempts["request_id"].notna().all()
    assert set(attempts["seen_by"]) == {"both"}
    fault = requests[requests["phase"] == "fault"]
    assert (fault["served_by"] == "azure").any()
    assert json.loads((folder / "metrics.json").read_text())["format"] == FORMAT
    assert run.leftovers() == []


def test_two_runs_at_once_do_not_meet(pair: list[Ended]) -> None:
    """Own ports, own token, own folder: neither gets a call, a fault or a record of the other."""
    assert not pair[0][0].ports & pair[1][0].ports
    for (_, _, answer, _), expected in zip(pair, ({"openai"}, set()), strict=True):
        folder = Path(answer["run"])
        attempts = pd.read_parquet(folder / "attempts.parquet")
        assert attempts["request_id"].notna().all()
        assert set(attempts.loc[attempts["fault_id"].notna(), "provider"]) == expected
        assert len(pd.read_parquet(folder / "requests.parquet")) == 60 + 3
        assert '["foreign"' not in (folder / "capture" / "edge.jsonl").read_text()
