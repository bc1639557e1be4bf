"""The pages of a replay and of a tuning, each made of a real one."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.experiment import TuneOptions, keep_replay, keep_tuning, replay, tune
from harness.experiment.index import Wanted, runs
from harness.incident.outage import Replayed, UncertainNumber
from harness.incident.tuned import Tuned
from harness.report.replay import exit_code
from harness.report.replay_page import replay_page
from harness.report.tune_page import tune_page
from harness.store import TuningFolder
from tests.outages import PATIENT, STALL

CHAIN = PATIENT.replace("patient", '"<ours>"')
MARKED = STALL.replace("It stalled", '"<b>It stalled</b>"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a chain and an incident."""
    path = tmp_path_factory.mktemp("outages")
    (path / "chain.yaml").write_text(CHAIN, "utf-8")
    (path / "stall.yaml").write_text(MARKED, "utf-8")
    return path


@pytest.fixture(scope="module")
def replayed(folder: Path) -> Replayed:
    """Return the incident on the chain, and one that misses it."""
    return replay(folder / "chain.yaml", [str(folder / "stall.yaml"), "deepseek-2025-01-25-ddos"])


@pytest.fixture(scope="module")
def tuned(folder: Path) -> tuple[Tuned, TuningFolder]:
    """Return the chain tuned against the incident."""
    options = TuneOptions(against=[str(folder / "stall.yaml")], rate=1.0, trials=1)
    return tune(folder / "chain.yaml", folder / "reports", options)


def text(html: str) -> str:
    """Return what a page says."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("<main>")[2]))


def test_a_replay_says_what_hurt_and_when(replayed: Replayed) -> None:
    """The sum, the SLO, the sentence, the mark in the calendar, and what was left out; names from files are text."""
    html = replay_page(replayed, 0.999)
    said = text(html)
    assert "asked for 99.9 %: not kept" in said
    assert "&lt;b&gt;It stalled&lt;/b&gt;" in html
    assert "<b>It stalled" not in html
    assert "silent for every one of the requests, for 40 s" in said
    assert html.count('<circle class="lost"') == 1
    assert html.count('<g class="out">') == len(replayed.missed)
    assert "deepseek-2025-01-25-ddos: of vendors that the chain does not have" in said


def test_a_replay_can_be_read(replayed: Replayed) -> None:
    """Code in a title is code, no line ends between a number and its unit, and a minus is no dash."""
    [outage] = replayed.outages
    minus = "\N{MINUS SIGN}"
    cheaper = UncertainNumber(least=-9.0, low=-7.0, high=-5.0, most=-5.0)
    kept = UncertainNumber(least=0.0, low=0.0, high=0.0, most=0.0)
    played = replace(outage, title="A `suffix` <b>", cost_usd=cheaper), replace(outage, unserved_ns=kept)
    html = replay_page(replace(replayed, outages=played), None)
    assert html.count("A <code>suffix</code> &lt;b&gt;") == 2
    assert f"<span>{minus}$7</span> to <span>{minus}$5</span>" in html
    assert f"at least {minus}$9" in html
    assert "callers wait 30\N{NO-BREAK SPACE}s" in html
    assert html.count('<span class="band" aria-hidden="true"></span>') == 1


def test_a_replay_of_nothing_says_so(replayed: Replayed) -> None:
    """Where every incident is left out there is no table, and the calendar has what was left out."""
    said = text(replay_page(replace(replayed, outages=()), None))
    assert "No incident hits this chain" in said
    assert "Each of them" not in said


def test_nothing_played_keeps_no_slo(replayed: Replayed) -> None:
    """What had no requests is inconclusive, and what failed to play is no served outage."""
    assert exit_code(replace(replayed, outages=()), 0.999) == ExitCode.INCONCLUSIVE
    [outage] = replayed.outages
    nothing = UncertainNumber(least=math.nan, low=math.nan, high=math.nan, most=math.nan)
    failed = replace(outage, variants=0, requests=0.0, lost=nothing, unserved_ns=nothing, errors=("took too long",))
    both = replace(replayed, outages=(outage, failed))
    html = replay_page(both, None)
    assert "nan" not in html
    assert "1 incident could not be played" in text(html)
    assert both.unserved_ns == replayed.unserved_ns
    assert exit_code(both, None) == ExitCode.HARNESS


def test_a_kept_replay_is_in_the_index(replayed: Replayed, tmp_path: Path) -> None:
    """With its answer; the file has what the command prints."""
    data = keep_replay(replayed, 0.999, tmp_path, print)
    [entry] = runs(tmp_path, Wanted())
    assert (entry.kind, entry.verdict, entry.chain) == ("replay", "fail", "<ours>")
    assert entry.note == data["summary"]
    assert json.loads((tmp_path / entry.path / "replay.json").read_bytes())["incidents"] == data["incidents"]
    assert (tmp_path / entry.path / entry.page).read_text("utf-8").startswith("<!doctype html>")


def test_a_tuning_shows_the_change_and_what_it_brings(tuned: tuple[Tuned, TuningFolder]) -> None:
    """The lines of the file, each with its gain, the marks of now and of the suggestion, and that it was not checked on others."""
    html = tune_page(*tuned)
    said = text(html)
    assert "<del>-timeout: 60s</del>" in html or "<ins>+" in html
    assert html.count('class="now"') == 1
    assert html.count('class="chosen"') == 1
    assert "there were too few to hold some out" in said
    assert re.findall(r'text-anchor="end">([^<]* s)<', html) == ["0 s", "10 s", "20 s", "30 s", "40 s"]
    assert tuned[0].suggestion is not None
    for change in tuned[0].suggestion.changes:
        assert f"{change.label}: " in said


def test_a_tuning_marks_what_its_samples_leave_open(tuned: tuple[Tuned, TuningFolder]) -> None:
    """An upright line through the file as it is and one through the suggestion, from 0 on and within the picture; none where all is certain."""
    found, folder = tuned
    assert found.suggestion is not None
    assert "whisker" not in tune_page(found, folder).partition("<main>")[2]
    vague = [replace(each, toll=replace(each.toll, noise_ns=20e9)) for each in found.cloud]
    html = tune_page(replace(found, cloud=tuple(vague)), folder)
    lines = re.findall(r'class="whisker (\w+)" d="M[\d.]+ ([\d.]+)h12m-6 0V([\d.]+)', html)
    ends = {kind: (float(top), float(bottom)) for kind, top, bottom in lines}
    bottom = float(re.findall(r'y1="([\d.]+)"', html)[0])
    assert len(lines) == 2
    assert 40 < ends["before"][0] < ends["before"][1] < bottom
    assert ends["before"][1] == ends["after"][0]
    assert ends["after"][1] == bottom
    assert "what the samples leave open of the time unserved (95 %)" in text(html)


def test_a_kept_tuning_is_in_the_index_and_at_its_end(tuned: tuple[Tuned, TuningFolder], folder: Path) -> None:
    """The same question asked again gets a new folder; the suggestion is a file that nobody else may read."""
    keep_tuning(*tuned, folder / "reports", print)
    [entry] = runs(folder / "reports", Wanted())
    assert entry.kind == "tuning"
    assert "1 changed setting" in entry.note
    assert tuned[1].suggestion.stat().st_mode & 0o777 == 0o600
    assert tune(
        folder / "chain.yaml", folder / "reports", TuneOptions(against=[str(folder / "stall.yaml")], rate=1.0, trials=1)
    )[1].path != (tuned[1].path)
