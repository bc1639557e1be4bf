"""The package beside others: built as a wheel, and installed into a project that has pins of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.plans import chain_file

ROOT = Path(__file__).parents[2]
UV = str(Path(sys.executable).with_name("uv"))
PINS = ("litellm==1.85.0", "pandas>=3")
CHAIN = chain_file("openai", "azure", driver="litellm-router")
SCENARIO = """\
name: refused
chain: chain.yaml
load: {rate: 5/s, arrivals: constant, deadline: 20s}
phases: {baseline: 3s, fault: 10s}
faults:
  - {on: primary, during: fault, inject: {connection: refused}}
expect:
  - success_rate in fault >= 50%
"""
TEST = """\
import pytest

@pytest.mark.chaos(scenario="refused.chaos.yaml")
def test_callers_are_served(fallback_chain):
    assert set(fallback_chain.requests["served_by"].dropna()) == {"openai", "azure"}
"""


class Project:
    """A project with an environment of its own.

    Args:
        folder: Of the project; the environment is a folder in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = str(folder / ".venv" / "bin" / "python")
        self.uv("venv", "--no-project", "--python", sys.executable, str(folder / ".venv"))

    def uv(self, *words: str) -> str:
        """Run uv, and return its output."""
        ran = self._run(UV, *words)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def install(self, *words: str) -> None:
        """Install packages."""
        self.uv("pip", "install", "--python", self.python, *words)

    def installed(self) -> set[str]:
        """Return each package with its version."""
        return set(self.uv("pip", "freeze", "--python", self.python).splitlines())

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a module of the environment, as `python -m` does."""
        return self._run(self.python, "-m", *words)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environ = {name: text for name, text in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        return subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=3000, check=False
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Make a project with pins, and install our wheel into it."""
    folder = tmp_path_factory.mktemp("project")
    project = Project(folder)
    project.install(*PINS, "pytest")
    pinned = project.installed()
    project.uv("build", "--quiet", "--wheel", "--out-dir", str(folder / "dist"), str(ROOT))
    project.install(*map(str, (folder / "dist").glob("*.whl")))
    assert pinned <= project.installed()
    plain = CHAIN.replace("litellm-router", "reference")
    files = {"chain.yaml": CHAIN, "plain.yaml": plain, "refused.chaos.yaml": SCENARIO, "test_chain.py": TEST}
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return project


@pytest.mark.system
def test_a_project_keeps_its_pins(project: Project) -> None:
    """No package that it had has another version, and all of them go together."""
    names = {line.partition("==")[0] for line in project.installed()}

    project.uv("pip", "check", "--python", project.python)
    assert not names & {"locust", "matplotlib", "toxiproxy-python"}


@pytest.mark.system
def test_the_plugin_works_there(project: Project) -> None:
    """A scenario file is a test, and so is a marked function; on the LiteLLM that the project pins."""
    ran = project.run("pytest", "-q", "-W", "error")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


@pytest.mark.system
def test_the_commands_of_the_core_work_there(project: Project) -> None:
    """A live run names the extra that it needs."""
    checked = project.run("harness", "check", "refused.chaos.yaml", "chain.yaml")
    ran = project.run("harness", "run", "refused.chaos.yaml", "--chain", "plain.yaml", "--engine", "sim")
    live = project.run("harness", "run", "refused.chaos.yaml")

    assert checked.returncode == 0, checked.stderr
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "pip install 'llm-fallback-harness[report]'" in ran.stderr
    assert live.returncode == 2
    assert live.stderr == "error: a live run needs the extra [live]: pip install 'llm-fallback-harness[live]'\n"


@pytest.mark.system
def test_the_incidents_come_along(project: Project) -> None:
    """All that the checkout has."""
    program = "import harness.incident as i; print(len(i.all_incidents()), i.library.FOLDER)"
    ran = project._run(project.python, "-c", program)
    number, folder = ran.stdout.split()

    assert int(number) == len(list((ROOT / "incidents").glob("*.yaml")))
    assert Path(folder).is_relative_to(project.folder)


@pytest.mark.slow
@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_the_oldest_and_the_newest_libraries_give_the_same_answers(tmp_path: Path, resolution: str) -> None:
    """Of those that our requirements allow: pandas 2 and 3, NumPy 1 and 2; live too. What they deprecate of each other is theirs."""
    project = Project(tmp_path)
    project.install(
        "--resolution",
        resolution,
        "--editable",
        f"{ROOT}[live,report,tune]",
        "pytest>=8.3",
        "coverage>=7.6",
        "pytest-xdist>=3.6",
        "jsonschema>=4.23",
        "markdown-it-py>=3",
        "nbformat>=5.10",
        "pyyaml>=6",
    )
    rooms = [str(ROOT / "tests" / room) for room in ("document", "history", "judge", "report", "store")]
    options = ["-q", "-n", "2", "-W", "default", "-p", "no:cacheprovider"]
    options += ["-m", "not system and not slow", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    ran = project.run("pytest", *options, *rooms)

    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr

    (tmp_path / "chain.yaml").write_text(CHAIN.replace("litellm-router", "reference"), "utf-8")
    (tmp_path / "refused.yaml").write_text(SCENARIO, "utf-8")
    live = project.run("harness", "run", "refused.yaml", "--json")
    answer = json.loads(live.stdout)

    assert answer["verdict"]["status"] in {"pass", "inconclusive"}, live.stdout + live.stderr
    assert (Path(answer["run"]) / "report.html").is_file()
    assert (pd.read_parquet(Path(answer["run"]) / "requests.parquet")["outcome"] == "ok").any()
