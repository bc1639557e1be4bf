"""Runs for the tests of the report, each made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.judge import RunData
from harness.report import JudgedRun
from harness.scenario import Plan
from harness.store import RunFolder, tables
from tests.histories import history, plan_in, primary_429


@pytest.fixture(scope="session")
def demo() -> JudgedRun:
    """Return the demo scenario with a patient chain."""
    return JudgedRun.of(RunData.of(*primary_429()))


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """Return a run where every 25th request ignores its Retry-After."""
    plan = plan_in(tmp_path_factory.mktemp("hasty"))
    return JudgedRun.of(RunData.of(plan, history(plan, early_every=25)))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return the folder of a run whose title tries to be HTML."""
    root = tmp_path_factory.mktemp("run")
    plan = plan_in(root, title="<script>alert('x')</script> & co")
    return keep(root, plan)


def keep(root: Path, plan: Plan) -> RunFolder:
    """Put a synthetic run into a folder as a real one leaves it."""
    kept = RunFolder.create(root / "reports", plan)
    tables.write(kept.path, history(plan, early_every=25))
    kept.write_environment(
        {"command": "harness run scenario.yaml --seed 1", "note": "<b>bold</b>", "versions": {"x": "1"}}
    )
    kept.publish()
    return kept
