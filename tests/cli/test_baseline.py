"""`--baseline`, `harness compare`, and what GitHub is told, on the command line."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.cli import app
from harness.errors import UsageError
from harness.store import latest
from tests.experiment.test_compare import CHAIN, SLOW

SCENARIO = """\
name: one
chain: chain.yaml
load: {rate: 3/s, arrivals: constant}
phases: {baseline: 3s, fault: 5s}
faults:
  - {on: primary, during: fault, inject: {status: 503}}
expect:
  - success_rate >= 50%
  - p50 latency in fault < 1s
"""


class World:
    """A project in a folder of its own, whose chain is quick or slow."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys
        (root / "one.yaml").write_text(SCENARIO)

    def harness(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command line here; return exit code, standard output and standard error."""
        code = app(list(arguments), standalone_mode=False)
        out, err = self._capsys.readouterr()
        return int(code or 0), out, err

    def run(self, *arguments: str, slow: bool = False) -> tuple[int, str, str]:
        """Run the scenario in virtual time."""
        (self.root / "chain.yaml").write_text(CHAIN.format(name="ours", reply=SLOW if slow else ""))
        return self.harness("run", "one.yaml", "--engine", "sim", *arguments)

    def keep(self) -> Path:
        """Run the scenario on the quick chain, and return the run's folder."""
        assert self.run()[0] == 0
        return latest(self.root / "reports")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> World:
    """Return an empty project; no pages are made, and nothing of the machine's own CI is in the way."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_module("harness.experiment.single_run"), "write_report", lambda *_: None)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    return World(tmp_path, capsys)


def test_a_run_that_fails_says_what_looks_worse(world: World) -> None:
    """Exit 1 by its own verdict. One pair of runs is too few to call the broken check a regression, and it says so."""
    base = str(world.keep())
    assert world.run("--baseline", base)[0] == 0
    code, out, _ = world.run("--baseline", base, slow=True)
    assert code == 1
    assert "perhaps worse  latency_p50 in" in out
    assert "perhaps worse  p50 latency in fault < 1s: passed, now fails" in out
    code, out, _ = world.run("--baseline", base, "--json", slow=True)
    found: dict[str, Any] = json.loads(out)
    assert (code, found.keys()) == (1, {"run", "verdict", "chain", "regressions", "open"})
    assert found["regressions"] == []
    assert {"check": "p50 latency in fault < 1s", "scenario": "one"}.items() <= found["open"][0].items()


def test_a_pass_that_looks_worse_is_inconclusive(world: World) -> None:
    """The verdict holds, yet the chain may not be what it was: one run cannot tell, and does not pretend to."""
    (world.root / "one.yaml").write_text(SCENARIO.replace("< 1s", "< 10s"))
    base = str(world.keep())
    code, out, _ = world.run("--baseline", base, "--json", slow=True)
    found = json.loads(out)
    assert (code, found["verdict"]["status"], found["regressions"]) == (3, "pass", [])
    assert found["open"]
    assert "4 more repeats needed" in world.run("--baseline", base, slow=True)[1]


def test_a_wrong_baseline_is_told_before_anything_runs(world: World) -> None:
    """Exit 2, and no folder."""
    with pytest.raises(UsageError, match="not a run's folder"):
        world.run("--baseline", "nowhere")
    assert not (world.root / "reports").exists()


def test_compare_prints_both_numbers(world: World) -> None:
    """And is inconclusive if anything looks worse in so few runs."""
    quick = world.keep()
    world.run(slow=True)
    slow = latest(world.root / "reports")
    code, out, _ = world.harness("compare", str(quick), str(slow))
    assert code == 3
    assert "latency_p50 in fault" in out
    assert "numbers did not change at all" in out
    assert world.harness("compare", str(slow), str(quick))[0] == 0
    code, out, _ = world.harness("compare", str(quick), str(slow), "--json")
    assert (code, json.loads(out).keys()) == (3, {"before", "after", "regressions", "open", "cells"})


def test_a_step_summary_is_appended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where GitHub says, or where the user does; elsewhere nothing is written."""
    world.run()
    assert list(world.root.glob("*.md")) == []
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(world.root / "step.md"))
    world.run()
    world.run()
    assert (world.root / "step.md").read_text().count("## one on ours") == 2
    world.run("--summary", "mine.md", "--baseline", "reports/latest")
    text = (world.root / "mine.md").read_text()
    assert "### Compared with the baseline" in text
    assert "harness run one.yaml --engine sim" in text
    assert (world.root / "step.md").read_text().count("## one on ours") == 2


@pytest.mark.parametrize("on_github", [True, False])
def test_failed_checks_are_annotated_on_github_only(
    world: World, monkeypatch: pytest.MonkeyPatch, *, on_github: bool
) -> None:
    """On standard error, so that `--json` stays one object; at the line of the expectation."""
    if on_github:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_WORKSPACE", str(world.root))
    code, out, err = world.run("--json", slow=True)
    assert (code, json.loads(out)["verdict"]["status"]) == (1, "fail")
    lines = [line for line in err.splitlines() if line.startswith("::")]
    assert len(lines) == (1 if on_github else 0)
    if on_github:
        assert lines[0].startswith("::error file=one.yaml,line=9,title=one%3A p50 latency in fault < 1s::")
        assert "repeat with: harness run one.yaml --engine sim" in lines[0]
