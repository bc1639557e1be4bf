"""No wait lies outside of what `check` says, whatever hosts the chain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import sim
from harness.chain.driver import driver_of
from harness.chain.home import ChainHome
from harness.chain.schedule import Schedule
from harness.drivers.built import settled
from harness.experiment.prepare import load
from harness.history import History

ROOT = Path(__file__).parents[2]
CHAINS = ROOT / "scenarios" / "chains"
SCENARIO = """\
name: everywhere
load: {{rate: {rate}/s, arrivals: constant, deadline: {deadline}s}}
phases: {{fault: {fault_s}s, recovery: 1s}}
faults: [{{on: all, during: fault, inject: {{{inject}}}}}]
expect: []
"""
INJECTS = {"500": "status: 500", "503": "status: 503", "429": "status: 429", "401": "status: 401"}
EXACT_NS = 2_000_000
"""What a connection, or a provider's answer, may take beside a wait."""


def schedule_and_history(
    folder: Path, chain: Path, failure: str, *, requests: int, litellm: str | None = None
) -> tuple[Schedule, History]:
    """Return what is said of a chain whose providers all fail, and what its requests did, one every ten seconds."""
    path = folder / "everywhere.yaml"
    path.write_text(SCENARIO.format(rate=0.1, deadline=60, fault_s=10 * requests + 60, inject=INJECTS[failure]))
    loaded = load(path, chain=chain, home=ChainHome(litellm=litellm))
    home = settled(loaded.chain)
    (schedule,) = (each for each in driver_of(home).schedules(home) if failure in each.failures)
    return schedule, sim.run(loaded.plan, home).history


def waits(history: History) -> list[list[tuple[str, int]]]:
    """Return each request's attempts: the provider, and the wait since the attempt before it, in nanoseconds."""
    found = []
    for _, attempts in history.attempts.groupby("request_id"):
        ordered = attempts.sort_values("start_ns")
        before = ordered["end_ns"].shift().fillna(ordered["start_ns"])
        found.append(list(zip(ordered["provider"], (ordered["start_ns"] - before).astype(int), strict=True)))
    return found


def hold(schedule: Schedule, history: History, *, requests: int) -> None:
    """See that each request made the attempts of a schedule, and waited as long as it says."""
    made = waits(history)
    assert len(made) >= requests
    whole = [each for each in made if len(each) == len(schedule.attempts)]
    assert len(whole) > 0.9 * len(made) - 1  # the last ones are served when the fault has ended
    for request in whole:
        for step, (provider, wait_ns) in zip(schedule.attempts, request, strict=True):
            assert provider in step.providers
            assert step.wait.least - EXACT_NS <= wait_ns <= step.wait.most + EXACT_NS


@pytest.mark.parametrize("failure", ["500", "401"])
@pytest.mark.parametrize("chain", ["reference", "openai-sdk"])
def test_two_hundred_requests_are_within_their_bands(tmp_path: Path, chain: str, failure: str) -> None:
    """The bands are not too wide either: the waits come near to both ends."""
    lines = (CHAINS / f"{chain}.yaml").read_text().splitlines()
    path = tmp_path / "chain.yaml"  # what its requests share would cut the tries of the later ones
    path.write_text("\n".join(re.sub(r"(breaker|budget): .*", r"\1: null", line) for line in lines))
    schedule, history = schedule_and_history(tmp_path, path, failure, requests=200)
    hold(schedule, history, requests=200)
    for place, step in enumerate(schedule.attempts):
        width = step.wait.most - step.wait.least
        drawn = [request[place][1] for request in waits(history) if len(request) == len(schedule.attempts)]
        assert max(drawn) - min(drawn) >= 0.9 * width


def test_litellm_waits_as_it_did_when_it_was_asked(tmp_path: Path) -> None:
    """On the version that our requirements name."""
    schedule, history = schedule_and_history(tmp_path, CHAINS / "gpt4-azure-claude.yaml", "503", requests=20)
    assert len(schedule.attempts) == 9
    hold(schedule, history, requests=20)


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["500", "429"])
@pytest.mark.parametrize("version", ["1.60.0", "1.75.0", "1.85.0", "1.90.0", "1.100.0", "1.106.2", "1.110.2"])
def test_every_version_of_litellm_waits_as_it_did_when_it_was_asked(tmp_path: Path, version: str, failure: str) -> None:
    """Two hundred requests on each version of the matrix."""
    chain = CHAINS / "gpt4-azure-claude.yaml"
    schedule, history = schedule_and_history(tmp_path, chain, failure, requests=200, litellm=version)
    hold(schedule, history, requests=200)
