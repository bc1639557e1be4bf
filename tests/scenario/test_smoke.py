"""The smoke scenarios: short, on any chain, and each decidable by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.experiment import trial
from harness.experiment.prepare import load
from harness.judge import Status
from harness.judge.advice import requests_needed
from tests.plans import chain_file
from tests.scenario.test_catalogue import samples

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scenarios" / "smoke").glob("*.yaml"))
EMBEDDINGS = ROOT / "scenarios" / "smoke" / "embeddings.yaml"
QUESTIONS = {"rate-limit", "unavailable", "refused", "stream-cut", "auth-failure", "everything-down", "recovery"}
QUESTIONS |= {"tools", "embeddings"}
FAILING_ATTEMPTS_MAX = 140
"""Of a chain that tries each provider three times: what keeps 30 repeats of all of them under a minute on two cores."""
REFERENCE = chain_file("openai", "azure", "anthropic", more="retry: {attempts: 3}\ntimeout: 30s")

each = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_first_questions_are_asked() -> None:
    """Each file is one of them, and asks it of any chain: faults name roles, not providers."""
    assert {path.stem for path in FILES} == QUESTIONS
    for path in FILES:
        scenario = load(path).scenario
        assert scenario.name == path.stem
        assert {fault.on for fault in scenario.faults} <= {"primary", "all"}
        assert "?" in path.read_text().splitlines()[0]


@each
def test_one_run_is_enough_to_decide(path: Path) -> None:
    """Thirty repeats make it surer, none is needed."""
    plan = load(path).plan
    for expectation in plan.expectations:
        assert samples(plan, expectation) >= (requests_needed(expectation) or 1), expectation.text


@each
def test_it_is_short(path: Path) -> None:
    """Counted in failing attempts, which are what costs time."""
    plan = load(path).plan
    failing = 0
    for window in plan.timeline.windows:
        tries = 1 if window.inject.status == 401 or window.inject.stream else 3
        failing += tries * sum(window.start_ns <= arrival.scheduled_ns < window.end_ns for arrival in plan.arrivals)
    assert 0 < failing <= FAILING_ATTEMPTS_MAX


@pytest.mark.parametrize("path", [path for path in FILES if path != EMBEDDINGS], ids=lambda path: path.stem)
@pytest.mark.parametrize("chain", ["ours.yaml", "litellm-config.yaml"])
def test_a_good_chain_passes(path: Path, chain: str, tmp_path: Path) -> None:
    """In virtual time, with the first seed: our own policy, and LiteLLM's Router as people configure it."""
    file = ROOT / "scenarios" / "chains" / chain
    if chain == "ours.yaml":
        file = tmp_path / chain
        file.write_text(REFERENCE)
    result = trial(path, runs=tmp_path / "runs", chain=file)
    assert result.run.verdict.status is Status.PASS, result.run.verdict.reasons


def test_embeddings_are_asked_of_providers_that_have_some(tmp_path: Path) -> None:
    """Our own policy passes. LiteLLM's retries multiply with those of OpenAI's client, which it leaves on for embeddings."""
    ours = tmp_path / "ours.yaml"
    ours.write_text(chain_file("openai", "azure", more="retry: {attempts: 3}\ntimeout: 30s"))
    result = trial(EMBEDDINGS, runs=tmp_path / "runs", chain=ours)
    assert result.run.verdict.status is Status.PASS, result.run.verdict.reasons
    result = trial(EMBEDDINGS, runs=tmp_path / "runs")
    failed = [row.text for row in result.run.verdict.expectations if row.status is not Status.PASS]
    assert failed == ["no retry_storm"]
