"""What is installed only for those who ask for it, and what works without."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from harness.drivers import interpreter
from harness.extras import EXTRAS, LIVE, REPORT, Extra
from tests.plans import chain_file

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OPTIONAL: dict[str, list[str]] = PROJECT["optional-dependencies"]
CHAIN = chain_file("openai", "azure", name="two")
SCENARIO = """\
name: refused
chain: chain.yaml
load: {rate: 5/s, arrivals: constant, deadline: 10s}
phases: {baseline: 3s, fault: 5s}
faults:
  - {on: primary, during: fault, inject: {connection: refused}}
expect:
  - success_rate >= 80%
"""
WITHOUT = """\
import sys
for name in {names!r}:
    sys.modules[name] = None
"""
COMMANDS = """\
import json, sys
from harness.cli import main
codes = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["harness", *words]
    sys.stdout.write(f"$ {words[0]}\\n")
    sys.stderr.write(f"$ {words[0]}\\n")
    try:
        main()
    except SystemExit as ended:
        codes.append(ended.code)
sys.stdout.write(f"codes: {json.dumps(codes)}\\n")
"""


def test_the_table_has_the_extras_that_can_be_installed() -> None:
    """`all` is all of them, and `test` what the tests need."""
    assert EXTRAS.keys() == OPTIONAL.keys() - {"all", "test"}
    assert OPTIONAL["all"] == [f"llm-fallback-harness[{','.join(sorted(EXTRAS))}]"]


@pytest.mark.parametrize("extra", [LIVE, REPORT], ids=lambda extra: extra.name)
def test_an_extra_brings_the_modules_that_it_is_looked_up_by(extra: Extra) -> None:
    """Each module is that of a package in the list, and each package has one, unless the core has it in an older version."""
    listed, core = ({_name(line) for line in lines} for lines in (OPTIONAL[extra.name], PROJECT["dependencies"]))
    brought = {packages_distributions()[module][0].lower() for module in extra.modules}

    assert brought == listed - core


def _name(requirement: str) -> str:
    return re.split(r"[>;\[]", requirement)[0]


def test_what_is_carried_into_a_chain_s_interpreter_has_our_own_ranges() -> None:
    """One version of each is enough for both."""
    assert set(interpreter._CARRIED) <= set(PROJECT["dependencies"])


class Core:
    """Commands of the core, in a process where nothing else can be imported, and neither can the libraries of chains."""

    def __init__(self, folder: Path) -> None:
        (folder / "chain.yaml").write_text(CHAIN, "utf-8")
        (folder / "scenario.yaml").write_text(SCENARIO, "utf-8")
        names = [*(module for extra in EXTRAS.values() for module in extra.modules), "gevent", "openai"]
        (folder / "sitecustomize.py").write_text(WITHOUT.format(names=names), "utf-8")
        self.folder = folder
        self.codes: list[int] = []
        self.out: list[str] = []
        self.err: list[str] = []

    def run(self, *commands: tuple[str, ...]) -> None:
        """Run commands one after the other."""
        path = os.pathsep.join([str(self.folder), str(ROOT)])
        ran = subprocess.run(
            [sys.executable, "-c", COMMANDS, json.dumps(commands)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        out, _, codes = ran.stdout.partition("codes: ")
        assert codes, ran.stderr
        self.codes = json.loads(codes)
        self.out, self.err = (text.split("$ ")[1:] for text in (out, ran.stderr))


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    """Run every command of the core."""
    core = Core(tmp_path_factory.mktemp("core"))
    core.run(
        ("check", "scenario.yaml"),
        ("run", "scenario.yaml", "--engine", "sim"),
        ("suite", "scenario.yaml", "--engine", "sim", "--repeat", "2"),
        ("compare", "reports/latest", "reports/latest"),
        ("explore", "chain.yaml", "--budget", "1s", "--faults", "1"),
        ("doctor", "--json"),
    )
    return core


def test_the_core_needs_no_extra(core: Core) -> None:
    """Every command that runs nothing but virtual time comes to its own end."""
    assert core.codes[:4] == [0] * 4, core.err
    assert core.codes[4] in {0, 1}, core.err
    assert core.codes[5] == 0
    assert "PASS" in core.out[1]


def test_a_run_without_its_page_says_what_makes_one(core: Core) -> None:
    """In one line, and the verdict counts."""
    (line,) = [line for line in core.err[1].splitlines() if "[report]" in line]
    assert line == "warning: the page of a run needs the extra [report]: pip install 'llm-fallback-harness[report]'"


def test_doctor_names_the_extras(core: Core) -> None:
    """With the command that installs each; none of them is needed."""
    found: dict[str, Any] = {check["name"]: check for check in json.loads(core.out[5].partition("\n")[2])["checks"]}
    for extra in EXTRAS.values():
        assert not found[f"extra {extra.name}"]["ok"]
        assert extra.command in found[f"extra {extra.name}"]["hint"]


def test_what_needs_an_extra_says_so(tmp_path: Path) -> None:
    """In one line with the exact command, as a mistake of usage, before anything starts."""
    core = Core(tmp_path)
    core.run(("run", "scenario.yaml"), ("suite", "scenario.yaml"), ("report", "somewhere"))

    live = "error: a live run needs the extra [live]: pip install 'llm-fallback-harness[live]'"
    page = "error: the page of a run needs the extra [report]: pip install 'llm-fallback-harness[report]'"
    assert core.codes == [2, 2, 2]
    assert [text.splitlines()[1] for text in core.err] == [live, live, page]
    assert not (tmp_path / "reports").exists()


def test_a_chain_on_litellm_without_one_says_what_to_do(tmp_path: Path) -> None:
    """Install it, or name where it is, or a version."""
    core = Core(tmp_path)
    (tmp_path / "chain.yaml").write_text(CHAIN.replace("reference", "litellm-router"), "utf-8")
    core.run(("run", "scenario.yaml", "--engine", "sim"), ("explore", "chain.yaml"), ("check", "chain.yaml"))

    assert core.codes == [2, 2, 0]
    for told in core.err[:2]:
        assert "LiteLLM is not installed" in told
        for way in ("pip install litellm", "`python:`", "--python PATH", "--litellm VERSION"):
            assert way in told
