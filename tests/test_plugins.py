"""Another package adds a fault, a dialect, a finding and a driver, by docs/contributing/plugin.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.test_recipes import files

PACKAGE = "llm_fallback_acme"
MOVED = {
    "harness/provider/dialects/acme.py": f"{PACKAGE}/dialect.py",
    "harness/judge/findings/every_provider_tried.py": f"{PACKAGE}/finding.py",
    "harness/drivers/kinds/one_try.py": f"{PACKAGE}/driver.py",
    "harness/drivers/one_try_host.py": f"{PACKAGE}/host.py",
}
"""Files of the recipes, and where the package has them."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built and installed into a folder of its own; the scenario and its chain are in `here`."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    (source / PACKAGE).mkdir()
    (source / PACKAGE / "__init__.py").write_text("")
    for kind in ("dialect", "finding", "driver"):
        for path, text in files(kind).items():
            if path in MOVED:
                (source / MOVED[path]).write_text(text.replace("harness.drivers.one_try_host", f"{PACKAGE}.host"))
    (target / "here").mkdir()
    for path, text in files("plugin").items():
        (source / path if path.endswith((".py", ".toml")) else target / "here" / path).write_text(text)
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(source)]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return target


def test_one_scenario_uses_all_four(installed: Path) -> None:
    """In virtual time; each is recorded with its package."""
    _broken_by_the_finding(installed, _run(installed, "--engine", "sim"))


@pytest.mark.system
def test_one_scenario_uses_all_four_live(installed: Path) -> None:
    """In the chain's host, the edge and the judge, which are other processes."""
    _broken_by_the_finding(installed, _run(installed))


def test_without_the_package_its_names_are_unknown(installed: Path) -> None:
    """And the message names the kind."""
    answer = _run(installed, "--engine", "sim", plugins=False)
    assert answer["error"]["problem"]


def test_a_broken_plugin_is_named_and_hurts_nobody(installed: Path, tmp_path: Path) -> None:
    """Other scenarios go on as if it were not there."""
    info = tmp_path / "broken_acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[llm_fallback_harness.faults]\nexplosive = no_such_module_at_all:FAULT\n")
    scenario = (installed / "here" / "scenario.yaml").read_text()
    (installed / "here" / "explosive.yaml").write_text(
        scenario.replace("maintenance, options: {hours: 2}", "explosive")
    )
    answer = _run(installed, "--engine", "sim", scenario="explosive.yaml", beside=tmp_path)
    assert "explosive" in answer["error"]["problem"]
    assert "broken-acme" in json.dumps(answer["error"])
    _broken_by_the_finding(installed, _run(installed, "--engine", "sim", beside=tmp_path))


def _broken_by_the_finding(installed: Path, answer: dict[str, Any]) -> None:
    rows = {row["text"]: row["status"] for row in answer["verdict"]["expectations"]}
    assert rows == {"success_rate in fault >= 90%": "pass", "no every_provider_tried": "fail"}
    environment = json.loads((Path(answer["run"]) / "environment.json").read_text())
    assert [(each["group"], each["name"], each["distribution"]) for each in environment["plugins"]] == [
        ("dialects", "acme", "llm-fallback-acme"),
        ("drivers", "one-try", "llm-fallback-acme"),
        ("faults", "maintenance", "llm-fallback-acme"),
        ("findings", "every_provider_tried", "llm-fallback-acme"),
    ]


def _run(
    folder: Path, *options: str, scenario: str = "scenario.yaml", plugins: bool = True, beside: Path | None = None
) -> dict[str, Any]:
    """Run a scenario as a user would, with the package installed or without it; return what `--json` prints."""
    paths = [*([str(folder)] if plugins else []), *([str(beside)] if beside else []), str(Path(__file__).parents[1])]
    argv = [sys.executable, "-m", "harness", "run", scenario, "--json", *options]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(argv, cwd=folder / "here", env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
