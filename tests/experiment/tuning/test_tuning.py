"""Tuning: on real incidents in virtual time, with the reference chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.chain.home import AT_HOME
from harness.engines import Quiet
from harness.errors import HarnessError, UsageError
from harness.experiment import TuneOptions, tune
from harness.experiment.prepare import opened
from harness.experiment.tuning.folds import halves
from harness.experiment.tuning.outages import outages
from harness.incident.tuned import Tuned
from harness.store import TuningFolder
from tests.outages import PATIENT, STALL

FEW = PATIENT.replace("{breaker: null, first_token: 60s, idle: 60s, deadline: 60s}", "null")
"""Few of its settings are tried."""
ALONE = PATIENT.replace("  anthropic: {dialect: anthropic, model: claude-sonnet-4-5}\n", "").replace(", anthropic", "")
AWAKE = PATIENT.replace("timeout: 60s", "timeout: 12s").replace(" 60s", " 2s").replace("deadline: 2s", "deadline: 30s")
"""Long enough for an answer, and short enough for another provider's after it."""
PRICED = PATIENT.replace("model: gpt-4}", "model: gpt-4, price: {input: 1, output: 1}}").replace(
    "claude-sonnet-4-5}", "claude-sonnet-4, price: {input: 9, output: 9}}"
)


@pytest.fixture
def stall(tmp_path: Path) -> str:
    """Return the file of an incident in which one provider is silent."""
    path = tmp_path / "stall.yaml"
    path.write_text(STALL, "utf-8")
    return str(path)


class Counted(Quiet):
    """Counts the runs."""

    def __init__(self, plays: list[int]) -> None:
        super().__init__()
        self._plays = plays

    def count(self, done: int, total: int) -> None:
        """Tell how many runs are done."""
        self._plays.append(done)


def tuned(tmp_path: Path, stall: str, text: str, **calls: Any) -> tuple[Tuned, TuningFolder]:
    """Return what a tuning of a chain file finds."""
    path = tmp_path / "chain.yaml"
    path.write_text(text, "utf-8")
    how = TuneOptions(against=[stall], rate=1.0, trials=1, processes=2)
    return tune(path, tmp_path / "reports", how, **calls)


def test_a_planted_chain_is_mended(tmp_path: Path, stall: str) -> None:
    """It waits for ever at a silent provider; what is suggested makes it give up in time, as a change of the user's file."""
    found, folder = tuned(tmp_path, stall, PATIENT)
    assert found.suggestion is not None
    assert found.now.toll.unserved_ns > 30e9
    assert found.suggestion.tried.toll.unserved_ns < 0.1 * found.now.toll.unserved_ns
    assert found.suggestion.changes[0].label in ("timeout", "policy.first_token", "policy.hedge")
    for change in found.suggestion.changes:
        assert change.without.unserved_ns > found.suggestion.tried.toll.unserved_ns
    assert found.suggestion.raw.startswith(b"# Waits for ever.\n")
    assert found.suggestion.held_out is None
    again, same = tuned(tmp_path, stall, PATIENT)
    assert same.path == folder.path, "it was not written as ended, so it goes on"
    assert again.runs == 0
    assert again.suggestion == found.suggestion


def test_a_chain_of_one_vendor_cannot_be_mended(tmp_path: Path, stall: str) -> None:
    """And it is said why."""
    found, _folder = tuned(tmp_path, stall, ALONE)
    assert found.suggestion is None
    assert "every provider is of one vendor (openai)" in found.why_none


def test_a_chain_that_loses_nothing_needs_nothing(tmp_path: Path, stall: str) -> None:
    """No candidate is tried."""
    found, _folder = tuned(tmp_path, stall, AWAKE)
    assert found.suggestion is None
    assert "nothing to gain" in found.why_none
    assert found.candidates == 0


def test_a_chain_that_is_stopped_is_not_called_hopeless(tmp_path: Path, stall: str) -> None:
    """What was played until then is kept, and the same command goes on."""
    plays: list[int] = []
    found, folder = tuned(tmp_path, stall, PATIENT, progress=Counted(plays), interrupted=lambda: bool(plays))
    assert found.interrupted
    assert found.suggestion is None
    assert "the same command goes on" in found.why_none
    assert len(folder.trials.read_bytes().splitlines()) == len(plays) < 5


def test_what_makes_answers_dear_is_left_to_the_user(tmp_path: Path, stall: str) -> None:
    """It is shown as a difference, and not suggested."""
    found, _folder = tuned(tmp_path, stall, PRICED)
    assert found.suggestion is None
    assert found.refuted is not None
    assert found.refuted.tried.toll.unserved_ns < 0.1 * found.now.toll.unserved_ns
    assert "dearer" in found.why_none


def test_an_incident_that_was_changed_is_played_again(tmp_path: Path, stall: str) -> None:
    """What was tried on it before it was changed says nothing about it."""
    plays: list[int] = []
    before, _folder = tuned(tmp_path, stall, ALONE, progress=Counted(plays), interrupted=lambda: bool(plays))
    Path(stall).write_text(STALL.replace("40s", "4m"), "utf-8")
    plays.clear()
    after, _same = tuned(tmp_path, stall, ALONE, progress=Counted(plays), interrupted=lambda: bool(plays))
    assert after.now.toll.unserved_ns > 3 * before.now.toll.unserved_ns


def test_a_torn_file_of_trials_costs_its_last_line(tmp_path: Path, stall: str) -> None:
    """What was whole is not played again, but what failed is."""
    found, folder = tuned(tmp_path, stall, ALONE)
    lines = folder.trials.read_bytes().splitlines(keepends=True)
    failed = json.dumps(json.loads(lines[0]) | {"numbers": None, "error": "took too long"}).encode()
    folder.trials.write_bytes(failed + b"\n" + b"".join(lines[1:])[:-20])
    again, _same = tuned(tmp_path, stall, ALONE)
    assert again.runs == 2
    assert again.now == found.now
    assert all(json.loads(line) for line in folder.trials.read_bytes().splitlines())


def test_an_incident_that_hits_nothing_is_refused(tmp_path: Path) -> None:
    """There is nothing to compare on."""
    path = tmp_path / "chain.yaml"
    path.write_text(ALONE, "utf-8")
    with pytest.raises(UsageError, match="no incident hits this chain"):
        tune(path, tmp_path / "reports", TuneOptions(against=["anthropic-2024-08-08-half-day"]))


def test_both_halves_have_every_vendor(tmp_path: Path) -> None:
    """Of each vendor with two incidents one is on each side, and none is on both."""
    path = tmp_path / "chain.yaml"
    path.write_text(PATIENT, "utf-8")
    chain = opened(path, AT_HOME)
    groups, _missed = outages((), chain, path)
    names, held_out = halves(groups, chain)
    assert (held_out, names) == halves(groups, chain, seed=2)
    assert sorted([*names, *held_out]) == sorted(groups)
    assert abs(len(names) - len(held_out)) <= 1
    for side in (names, held_out):
        assert {name.partition("-")[0] for name in side} >= {"openai"}


SCENARIO = """\
name: stall
title: It stalled
chain: chain.yaml
load: {rate: 2/s, deadline: 30s}
phases: {baseline: 10s, fault: 30s, recovery: 10s}
faults: [{on: primary, during: fault, inject: {connection: silent}}]
expect: [no hang]
"""


def test_a_chain_is_tuned_on_a_scenario(tmp_path: Path) -> None:
    """It is played whole, with its own load."""
    (tmp_path / "stall.yaml").write_text(SCENARIO, "utf-8")
    found, _folder = tuned(tmp_path, str(tmp_path / "stall.yaml"), FEW)
    assert found.incidents == ("stall",)
    assert found.now.toll.unserved_ns > 25e9
    assert found.now.toll.requests == 2 * 40
    assert found.suggestion is not None
    assert found.suggestion.changes[0].label == "timeout"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SCENARIO.replace("connection: silent", "connection: loud"), "loud"),
        (SCENARIO.replace("on: primary", "on: nobody"), "nobody"),
        (SCENARIO.replace("[{on: primary, during: fault, inject: {connection: silent}}]", "[]"), "injects no fault"),
        (SCENARIO.replace("rate: 2/s", "arrivals: trace, trace: t.csv"), "its load comes from files"),
    ],
    ids=["wrong fault", "wrong provider", "no fault", "a trace"],
)
def test_a_scenario_that_cannot_be_played_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """Before anything is."""
    (tmp_path / "t.csv").write_text("at\n0\n1\n2\n", "utf-8")
    (tmp_path / "chain.yaml").write_text(FEW, "utf-8")
    (tmp_path / "stall.yaml").write_text(text, "utf-8")
    with pytest.raises(HarnessError, match=problem):
        outages([str(tmp_path / "stall.yaml")], opened(tmp_path / "chain.yaml", AT_HOME), tmp_path / "chain.yaml")
