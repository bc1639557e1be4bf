"""Frameworks with fallbacks of their own, each in an environment that is built for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness import sim
from harness.drivers.built import settled
from harness.experiment.prepare import load
from harness.judge import Status, judge
from harness.judge.run_data import RunData
from tests.sim.worlds import digest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(
    path for path in (ROOT / "examples" / "python-chains").glob("*.yaml") if "environment:" in path.read_text()
)


def test_there_are_four_of_them() -> None:
    """LangChain twice, pydantic-ai and Haystack."""
    assert [path.stem for path in EXAMPLES] == [
        "haystack-fallback",
        "langchain-fallbacks",
        "langchain-middleware",
        "pydantic-ai-fallback",
    ]


@pytest.mark.parametrize("scenario", ["unavailable", "refused", "rate-limit", "auth-failure"])
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_falls_back(path: Path, scenario: str) -> None:
    """Whatever the first provider fails with; every attempt is recorded, and the same seed gives the same history."""
    loaded = load(ROOT / "scenarios" / "smoke" / f"{scenario}.yaml", chain=path)
    loaded = replace(loaded, chain=settled(loaded.chain))
    history, again = (sim.run(loaded.plan, loaded.chain).history for _ in range(2))
    assert digest(history) == digest(again)
    assert judge(RunData.of(loaded.plan, history)).status is Status.PASS
    fault = history.requests[history.requests["phase"] == "fault"]
    assert (fault["served_by"] == "anthropic").mean() > 0.8  # the last ones may wait until the fault has ended
    assert set(history.attempts["seen_by"]) <= {"both", "chain"}
