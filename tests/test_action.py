"""The packaged GitHub Action: read, and carried out step by step as GitHub does; and the workflow that people copy."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from harness.experiment.suites.jobs import jobs
from harness.judge.comparison.chance import pairs_needed
from harness.report.scorecard import LeftOut

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "actions/cache/restore@v4",
    "actions/cache/save@v4",
    "actions/checkout@v4",
    "actions/setup-python@v5",
    "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02",
    "OWNER/llm-fallback-harness@main",
}
"""What our steps use, each in one version."""
CHAIN = ROOT / "scenarios" / "chains" / "reference.yaml"
SCENARIO = """\
name: short
chain: none.yaml
load: {rate: 10/s, arrivals: constant, deadline: 5s}
phases: {fault: 3s}
faults: [{on: primary, during: fault, inject: {status: 503}}]
expect: [success_rate in fault >= 50%]
"""
GITHUB = {
    name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "HARNESS_", "LITELLM_"))
} | {"GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": str(ROOT), "PYTHONPATH": str(ROOT)}


def read(path: Path) -> dict[str, Any]:
    """Return a YAML file as YAML 1.2, where `on` is text."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(path.read_text())
    return found


ACTION = read(ROOT / "action.yml")
WORKFLOW = read(ROOT / "examples" / "github-actions" / "chaos.yml")
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]


@dataclass
class Job:
    """A job on GitHub whose only step is the action, in a folder of its own.

    Attributes:
        folder: The user's checkout.
        inputs: What the user writes after `with`.
        uploaded: What artifacts were made of: name and path.
        failed: The exit code of the step that failed; 0 if none has.
        outputs: Of the steps, by id and name.
    """

    folder: Path
    inputs: dict[str, str]
    uploaded: dict[str, str]
    failed: int = 0
    outputs: str = ""

    @property
    def summary(self) -> str:
        """What GitHub shows below the job."""
        path = self.folder / "summary.md"
        return path.read_text() if path.exists() else ""

    def value(self, text: str) -> str:
        """Return a text with its expressions filled in; an unknown one is an error."""
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self._either(found[1]), text)

    def _either(self, expression: str) -> str:
        return next(filter(None, map(self._term, expression.split(" || "))), "")

    def _term(self, term: str) -> str:
        if term == "github.action_path":
            return str(ROOT)
        name = term.removeprefix("inputs.")
        return self.inputs.get(name, ACTION["inputs"][name].get("default", ""))

    def due(self, step: dict[str, Any]) -> bool:
        """Return whether a step is carried out."""
        match step.get("if"):
            case None:
                return not self.failed
            case "${{ always() && inputs.artifact != '' }}":
                return self._term("inputs.artifact") != ""
            case unknown:
                raise AssertionError(unknown)

    def run(self, *, only: str | None = None) -> str:
        """Carry out the steps, or one of them; return what they print."""
        printed = ""
        for step in STEPS:
            if only in (None, step["name"]) and self.due(step):
                printed += self._upload(step) if "uses" in step else self._shell(step)
        return printed

    def _upload(self, step: dict[str, Any]) -> str:
        assert step["uses"].startswith("actions/upload-artifact@")
        self.uploaded[self.value(step["with"]["name"])] = self.value(step["with"]["path"])
        return ""

    def _shell(self, step: dict[str, Any]) -> str:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # an input in the script itself would be run, whatever it holds
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        output = self.folder / "output"
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        given = {name: self.value(value) for name, value in step.get("env", {}).items()}
        files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md")}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder,
            env=GITHUB | {"PATH": path, "GITHUB_WORKSPACE": str(self.folder)} | files | given,
            capture_output=True,
            text=True,
            check=False,
        )
        self.failed = done.returncode
        self.outputs = output.read_text() if output.exists() else ""
        return done.stdout + done.stderr


def job(folder: Path, **inputs: str) -> Job:
    """Return a job in a folder whose `python -m pip` only notes what it is to install."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > installed\n')
    (programs / "python").chmod(0o755)
    (folder / "short.yaml").write_text(SCENARIO)
    return Job(folder, {"chain": str(CHAIN), "scenarios": "short.yaml", "repeat": "1"} | inputs, {})


def test_the_action_runs_the_scenarios_and_compares(tmp_path: Path) -> None:
    """It installs, checks, runs, and uploads; the scorecard is in the summary. A second run is compared with the first."""
    first = job(tmp_path, requirements="requirements.txt", extras="live,report")
    printed = first.run()
    assert first.failed == 0, printed
    installed = (tmp_path / "installed").read_text().splitlines()
    assert installed == ["-m", "pip", "install", "--requirement", "requirements.txt", f"{ROOT}[live,report]"]
    assert first.outputs == "exit-code=0\n"
    assert first.uploaded == {"chaos": "reports"}
    assert (tmp_path / "reports" / "chaos.xml").read_text().count("<testcase") >= 1
    assert "short" in first.summary
    assert "ompared" not in first.summary
    (tmp_path / "reports").rename(tmp_path / "baseline")
    second = Job(tmp_path, first.inputs | {"baseline": "baseline"}, {})
    printed = second.run(only="Run the scenarios")
    assert second.failed == 0, printed
    assert "ompared" in second.summary


def test_a_wrong_chain_fails_the_job(tmp_path: Path) -> None:
    """What an input holds is never run; later steps are left out, but for the upload of what there is."""
    wrong = job(tmp_path, chain="$(touch pwned); touch pwned")
    printed = wrong.run()
    assert wrong.failed == 2
    assert "there is no such file" in printed
    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "reports").exists()
    assert (tmp_path / "installed").read_text().splitlines() == ["-m", "pip", "install", str(ROOT)]
    assert wrong.uploaded == {"chaos": "reports"}
    assert not Job(tmp_path, {"artifact": ""}, {}).due(STEPS[-1])


def test_the_action_says_what_it_takes() -> None:
    """Every input has a description and is used; the outputs come from its steps; what it uses is pinned."""
    text = json.dumps(ACTION["runs"])
    for name, given in ACTION["inputs"].items():
        assert given["description"], name
        assert f"inputs.{name}" in text, name
    assert [name for name, given in ACTION["inputs"].items() if given.get("required")] == ["chain"]
    assert ACTION["outputs"]["exit-code"]["value"] == "${{ steps.suite.outputs.exit-code }}"
    assert "suite" in {step.get("id") for step in STEPS}
    used = {step["uses"] for step in [*STEPS, *workflow_steps()] if "uses" in step}
    assert used == ALLOWED
    guide = (ROOT / "docs" / "guides" / "ci.md").read_text()
    assert [name for name in [*ACTION["inputs"], *ACTION["outputs"]] if f"`{name}`" not in guide] == []


def workflow_steps() -> list[dict[str, Any]]:
    """Return the steps of the workflow to copy."""
    (found,) = WORKFLOW["jobs"].values()
    return list(found["steps"])


def using(action: str) -> dict[str, Any]:
    """Return the one step of the workflow that uses an action."""
    (found,) = [step for step in workflow_steps() if action in step.get("uses", "")]
    return found


def test_the_workflow_is_one() -> None:
    """Triggers, the least permissions, an end to everything; the action gets inputs that it has."""
    assert WORKFLOW["on"].keys() == {"pull_request", "push"}
    assert WORKFLOW["permissions"] == {"contents": "read"}
    (found,) = WORKFLOW["jobs"].values()
    assert found["runs-on"] == "ubuntu-latest"
    assert found["timeout-minutes"] <= 15
    assert all(("uses" in step) != ("run" in step) for step in workflow_steps())
    assert using("llm-fallback-harness")["with"].keys() <= ACTION["inputs"].keys()


def test_the_workflow_needs_nothing_but_the_users_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it names is theirs or comes with the package; repeats are as many as a baseline needs."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "scenarios" / "chains" / "litellm-config.yaml", tmp_path)
    given = {name: each.get("default", "") for name, each in ACTION["inputs"].items()}
    given |= using("llm-fallback-harness")["with"]
    repeat = int(given["repeat"])
    left_out: list[LeftOut] = []
    found = jobs(
        [Path(given["scenarios"])], chains=[Path(given["chain"])], repeat=repeat, engine="sim", left_out=left_out
    )
    assert [each.scenario for each in left_out] == ["smoke/embeddings.yaml"]  # Claude has none
    assert len(found) == repeat * (len(list((ROOT / "scenarios" / "smoke").glob("*.yaml"))) - 1)
    assert repeat >= pairs_needed(len({job.cell for job in found}))


def test_the_workflow_keeps_the_baseline_of_the_main_branch() -> None:
    """Under the path that it is fetched to, and only when the scenarios passed."""
    fetch, keep = using("actions/cache/restore"), using("actions/cache/save")
    assert (fetch["if"], keep["if"]) == ("github.event_name == 'pull_request'", "github.event_name == 'push'")
    assert fetch["with"]["path"] == keep["with"]["path"] == using("llm-fallback-harness")["with"]["baseline"]
    assert keep["with"]["key"].startswith(fetch["with"]["restore-keys"])
    (named,) = [step["run"] for step in workflow_steps() if "run" in step]
    assert named == f"mv {ACTION['outputs']['reports']['value']} baseline"
