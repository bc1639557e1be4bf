"""What a search in virtual time has found shows again on real parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import experiment
from tests.plans import chain_file
from tests.system.conftest import CHAIN, Start

pytestmark = pytest.mark.system

REFERENCE = chain_file("openai", "azure", more="retry: {attempts: 2}\ntimeout: 2s\npolicy: {deadline: 10s}")
"""A chain that takes longer than the second that is promised here."""


def found(chain: str, breaks: str, folder: Path, deadline_s: float | None) -> tuple[str, str]:
    """Search a chain until one fault breaks a property; return the sentence, and the file as it was written."""
    path = folder / "chain.yaml"
    path.write_text(chain)
    deadline = None if deadline_s is None else round(deadline_s * 1e9)
    explored = experiment.explore(path, out=folder, budget_s=300, deadline=deadline, faults=1, properties=(breaks,))
    (only,) = explored.found
    return only.sentence, only.scenario.read_text()


def failing(verdict: dict[str, Any]) -> set[str]:
    """Return the expectations and required findings that failed."""
    lines = {row["text"] for row in verdict["expectations"] if row["status"] == "fail"}
    return lines | {
        each["id"] for each in verdict["findings"] if each["status"] == "fail" and each["severity"] == "required"
    }


@pytest.mark.parametrize(
    ("chain", "breaks", "deadline_s", "line"),
    [
        pytest.param(CHAIN, "no_retry_on_non_retryable", None, "no quota_retried", marks=pytest.mark.slow),
        (REFERENCE, "bounded_latency", 1.0, "max latency <= 1s"),
    ],
    ids=["litellm-router", "reference"],
)
def test_a_find_fails_in_both_engines(
    start: Start, tmp_path: Path, chain: str, breaks: str, deadline_s: float | None, line: str
) -> None:
    """The file as it was written, by both engines: exit 1, and the same lines fail, that of the find among them."""
    told, scenario = found(chain, breaks, tmp_path, deadline_s)
    assert told[1:] in scenario.replace("\n# ", " ")
    shown = {}
    for engine in ("sim", "live"):
        run = start(scenario, chain, "--engine", engine)
        code, out, err = run.end(within_s=120)
        assert out, err
        verdict = json.loads(out)["verdict"]
        assert (code, verdict["status"]) == (1, "fail"), (engine, verdict["reasons"])
        shown[engine] = failing(verdict)
    assert line in shown["sim"]
    assert shown["live"] == shown["sim"]
