"""`--python` and `--litellm`: what they change, and what they refuse before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.chain.home import ChainHome
from harness.cli.options import command_line
from harness.experiment import trial
from harness.experiment.suites.jobs import jobs
from tests.cli.test_cli import called
from tests.plans import chain_file

ROUTER, REFERENCE = "scenarios/chains/gpt4-azure-claude.yaml", "scenarios/chains/reference.yaml"
CHAIN = chain_file("openai", "azure", driver="openai-sdk", more="retry: {attempts: 1}")


@pytest.mark.parametrize("command", [("run", "smoke/refused.yaml", "--engine", "sim"), ("check", "smoke/refused.yaml")])
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--chain", ROUTER, "--python", "no/such/python"), "no/such/python: there is no such interpreter"),
        (("--chain", ROUTER, "--python", "x", "--litellm", "1.90.0"), "--python and --litellm do not go together"),
        (("--chain", ROUTER, "--litellm", "newest"), "--litellm: not a version: 'newest'"),
        (("--chain", REFERENCE, "--litellm", "1.90.0"), "--litellm: does not go with `driver: reference`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_place_where_the_chain_cannot_run_is_a_mistake_of_the_user_s(
    command: tuple[str, ...],
    options: tuple[str, ...],
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Found by `check` too."""
    assert called(monkeypatch, *command, *options) == 2
    assert problem in capsys.readouterr().err


def test_check_looks_for_the_chain_s_library(
    bare_python: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the interpreter that the command line names."""
    assert called(monkeypatch, "check", ROUTER, "--python", bare_python) == 2
    assert "LiteLLM is not installed there" in capsys.readouterr().err


def test_the_options_are_part_of_the_command_that_repeats_a_run() -> None:
    """Of a run, of a suite, and of each of its runs."""
    file, home = Path("a.yaml"), ChainHome(litellm="1.90.0")
    assert command_line("run", file, chains=[], seed=1, home=home, allow_real=False, engine="live") == (
        "harness run a.yaml --litellm 1.90.0 --seed 1"
    )
    again = command_line("suite", file, chains=[], repeat=2, seed=None, home=home, allow_real=False, engine="sim")
    assert again == "harness suite a.yaml --engine sim --litellm 1.90.0 --repeat 2"


def test_each_run_of_a_suite_is_repeated_where_it_ran(same_python: str) -> None:
    """Its own command has the options."""
    home = ChainHome(python=same_python)
    (job,) = jobs([Path("scenarios/smoke/refused.yaml").resolve()], chains=[Path(ROUTER).resolve()], home=home)

    assert job.loaded.chain.python == same_python
    assert f"--python {same_python} --seed" in job.command


def test_a_scenario_as_a_test_runs_in_the_chain_s_interpreter(tmp_path: Path, same_python: str) -> None:
    """As the pytest plugin runs it; twice, as a session does."""
    file, scenario = tmp_path / "chain.yaml", Path("scenarios/smoke/refused.yaml").resolve()
    file.write_text(CHAIN, "utf-8")
    here = trial(scenario, runs=tmp_path / "runs", chain=file)
    file.write_text(f"{CHAIN}python: {same_python}\n", "utf-8")
    there = [trial(scenario, runs=tmp_path / "runs", chain=file) for _ in range(2)]

    assert [each.folder.environment()["chain"]["interpreter"] for each in (here, *there)] == [None, *[same_python] * 2]
    assert [each.folder.metrics() for each in there] == [here.folder.metrics()] * 2
