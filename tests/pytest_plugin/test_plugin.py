"""The plugin, in projects of others: marks, the fixture, scenario files."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np  # noqa: F401 - pytester forgets what a test imports, and numpy and pandas can be loaded only once
import pandas as pd  # noqa: F401 - as above
import pyarrow as pa  # noqa: F401 - as above
import pytest
from scipy import special  # noqa: F401 - as above

import harness.pytest_plugin.outcome  # noqa: F401 - as above
from harness.experiment import trial
from tests.plans import chain_file

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
CHAIN = chain_file("openai", "azure", more="retry: {attempts: 2}")
SCENARIO = """\
name: outage
seed: 4
load: {{rate: 2/s, arrivals: constant, deadline: 20s}}
phases: {{baseline: 2s, fault: 8s}}
faults:
  - {{on: {on}, during: fault, inject: {{status: 503, error: unavailable}}}}
expect:
  - success_rate in fault >= {share}
"""
GOOD = SCENARIO.format(on="primary", share="75%")
BAD = SCENARIO.format(on="all", share="75%")
UNTOLD = SCENARIO.format(on="primary", share="99%")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Make a project whose Python has our package installed, entry point and all, and whose warnings are errors."""
    installed = pytester.path / "site" / "llm_fallback_harness-0.dist-info"
    installed.mkdir(parents=True)
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    lines = ["[pytest11]", *(f"{name} = {module}" for name, module in points.items())]
    (installed / "entry_points.txt").write_text("\n".join(lines))
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-fallback-harness\nVersion: 0\n")
    pytester.syspathinsert(installed.parent)
    pytester.makeini("[pytest]\nchaos_chain = chain.yaml\nfilterwarnings = error\naddopts = -p no:cacheprovider")
    (pytester.path / "chain.yaml").write_text(CHAIN)
    for name, text in (("good", GOOD), ("bad", BAD), ("untold", UNTOLD)):
        (pytester.path / f"{name}.yaml").write_text(text)
    return pytester


def kept(project: pytest.Pytester) -> list[str]:
    """Return the scenarios of the runs that were kept."""
    return sorted(path.parent.parent.name for path in (project.path / ".pytest_chaos").glob("*/*/plan.json"))


def test_a_mark_is_enough(project: pytest.Pytester) -> None:
    """The three lines of the guide: the chain in the ini file, the mark, a function."""
    project.makepyfile('import pytest\n@pytest.mark.chaos(scenario="good.yaml")\ndef test_outage(): ...')
    project.runpytest().assert_outcomes(passed=1)
    assert kept(project) == []


def test_a_verdict_that_fails_is_reported_whole(project: pytest.Pytester) -> None:
    """The sentence, the expectation with what was observed and its interval, the findings' requests, the way to repeat it."""
    project.makepyfile('import pytest\n@pytest.mark.chaos(scenario="bad.yaml", seed=7)\ndef test_outage(): 1 / 0')
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "FAIL — openai and azure answered 503 for 8 s; *",
            "  bad.yaml on ours, seed 7",
            "  ✗ FAIL success_rate in fault >= 75%: observed * (* – *), samples 16*",
            "  repeat with: harness run bad.yaml --engine sim --chain chain.yaml --seed 7",
            "  kept: *.pytest_chaos/outage/*-7",
        ]
    )
    result.stdout.no_fnmatch_line("*ZeroDivisionError*")
    assert kept(project) == ["outage"]


def test_inconclusive_fails_too_and_says_why(project: pytest.Pytester) -> None:
    """A run that did not test what it claims never passes."""
    project.makepyfile('import pytest\n@pytest.mark.chaos(scenario="untold.yaml")\ndef test_outage(): ...')
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "INCONCLUSIVE — *",
            "  [?] INCONCLUSIVE success_rate in fault >= 99%: observed 100 %*samples 16, at least 381 needed*",
        ]
    )


def test_the_fixture_gives_the_marked_tests_run(project: pytest.Pytester) -> None:
    """Verdict, numbers, requests, attempts and fallbacks."""
    project.makepyfile("""
        import pytest

        @pytest.mark.chaos(scenario="good.yaml", chain="chain.yaml", seed=2)
        def test_outage(fallback_chain):
            assert fallback_chain.passed
            assert fallback_chain.verdict.exit_code == 0
            assert fallback_chain.metrics.phases["fault"]["success_rate"].value == 1
            assert len(fallback_chain.requests) == 20
            assert set(fallback_chain.attempts["provider"]) == {"openai", "azure"}
            assert set(fallback_chain.fallbacks["to_provider"]) == {"azure"}
            assert fallback_chain.run.plan.seed == 2
            assert (fallback_chain.path / "plan.json").is_file()
    """)
    project.runpytest().assert_outcomes(passed=1)


def test_the_fixture_runs_any_scenario(project: pytest.Pytester) -> None:
    """Without a mark it is a function, and what it returns fails nothing until it is asked to."""
    project.makepyfile("""
        import pytest

        @pytest.mark.parametrize("seed", [1, 2])
        def test_outage(fallback_chain, seed):
            assert fallback_chain("good.yaml", seed=seed).passed
            bad = fallback_chain("bad.yaml", seed=seed)
            assert bad.verdict.status == "fail"
            with pytest.raises(pytest.fail.Exception, match="FAIL — openai and azure"):
                bad.check()
    """)
    project.runpytest().assert_outcomes(passed=2)
    assert kept(project) == ["outage", "outage"]


def test_a_running_loop_is_reported(project: pytest.Pytester) -> None:
    """Virtual time needs a loop of its own; a marked test may be of any kind, for its scenario runs before it."""
    project.makepyfile("""
        import asyncio

        def test_outage(fallback_chain):
            async def inside():
                fallback_chain("good.yaml")

            asyncio.run(inside())
    """)
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error: a scenario needs an event loop of its own, and one is running here"])


def test_scenario_files_are_tests(project: pytest.Pytester) -> None:
    """One test each, with the file's own seed."""
    (project.path / "up.chaos.yaml").write_text(GOOD)
    (project.path / "down.chaos.yaml").write_text(BAD)
    result = project.runpytest("-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["down.chaos.yaml::seed-4 FAILED*", "up.chaos.yaml::seed-4 PASSED*"])


@pytest.mark.parametrize("how", ["option", "ini"])
def test_a_file_is_repeated_with_other_seeds(project: pytest.Pytester, how: str) -> None:
    """Each repeat is a test of its own."""
    (project.path / "up.chaos.yaml").write_text(GOOD)
    arguments = ["--chaos-repeat", "3"]
    if how == "ini":
        arguments = ["-o", "chaos_repeat=3"]
    result = project.runpytest("-v", *arguments)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([f"up.chaos.yaml::seed-{seed} PASSED*" for seed in (4, 5, 6)])


def test_a_marked_test_is_repeated_too(project: pytest.Pytester) -> None:
    """From the mark's seed on, or else the scenario's; what has no mark runs once."""
    project.makepyfile("""
        import pytest

        @pytest.mark.chaos(scenario="good.yaml")
        def test_own_seed(fallback_chain):
            assert fallback_chain.run.plan.seed in (4, 5)

        @pytest.mark.chaos(scenario="good.yaml", seed=8)
        @pytest.mark.parametrize("x", [1])
        def test_marks_seed(x): ...

        def test_unmarked(): ...
    """)
    result = project.runpytest("-v", "--chaos-repeat", "2")
    result.assert_outcomes(passed=5)
    names = [
        "test_own_seed[[]seed-4]",
        "test_own_seed[[]seed-5]",
        "test_marks_seed[[]*seed-8*]",
        "*seed-9*",
        "*unmarked ",
    ]
    result.stdout.fnmatch_lines([f"*::{name}*PASSED*" for name in names])


def test_two_scenarios_on_one_test_are_reported(project: pytest.Pytester) -> None:
    """One of them would be left out without a word."""
    mark = '@pytest.mark.chaos(scenario="good.yaml")\n'
    project.makepyfile(f"import pytest\n{mark}{mark}def test_outage(): ...")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["one scenario for each test: parametrize it, or write two tests"])


def test_our_own_scenarios_need_no_file(project: pytest.Pytester) -> None:
    """They come with the package; the command that repeats one names it so."""
    project.makepyfile('import pytest\n@pytest.mark.chaos(scenario="smoke/everything-down.yaml")\ndef test_one(): ...')
    chain = project.path / "chain.yaml"
    chain.write_text(CHAIN.replace("attempts: 2", "attempts: 1"))
    project.runpytest().assert_outcomes(passed=1)
    project.makepyfile("""
        def test_one(fallback_chain):
            assert fallback_chain("smoke/everything-down.yaml").command == (
                "harness run smoke/everything-down.yaml --engine sim --chain chain.yaml --seed 1"
            )
    """)
    project.runpytest().assert_outcomes(passed=1)


def test_an_interrupted_run_leaves_nothing(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a run in virtual time is of no use to anybody."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("harness.experiment.trial_run"), "simulate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        trial(project.path / "good.yaml", chain=project.path / "chain.yaml", runs=project.path / ".pytest_chaos")
    assert kept(project) == []


@pytest.mark.parametrize("wrong", ["0", "some"])
def test_a_wrong_number_of_repeats_is_reported(project: pytest.Pytester, wrong: str) -> None:
    """Before anything is collected."""
    result = project.runpytest("-o", f"chaos_repeat={wrong}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*chaos_repeat: expected a whole number from 1 on, found '{wrong}'*"])


def test_a_wrong_file_fails_its_test_alone(project: pytest.Pytester) -> None:
    """With the sentence that `harness check` has, and no traceback."""
    (project.path / "typo.chaos.yaml").write_text(GOOD.replace("primary", "prinary"))
    (project.path / "torn.chaos.yaml").write_text("name: [")
    (project.path / "up.chaos.yaml").write_text(GOOD)
    result = project.runpytest()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["error: *typo.chaos.yaml:6: faults[[]0].on: unknown provider 'prinary'"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("arguments", ["", "scenario='good.yaml', speed=2", "'good.yaml', 3"])
def test_a_wrong_mark_is_reported(project: pytest.Pytester, arguments: str) -> None:
    """With what would be right."""
    project.makepyfile(f"import pytest\n@pytest.mark.chaos({arguments})\ndef test_outage(): ...")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['write @pytest.mark.chaos(scenario="FILE", chain="FILE", seed=N), not *'])


def test_it_can_be_switched_off(project: pytest.Pytester) -> None:
    """`-p no:harness` leaves no option, no fixture and no collected file."""
    (project.path / "up.chaos.yaml").write_text(GOOD)
    project.makeini("[pytest]")
    project.makepyfile("def test_fixture(fallback_chain): ...")
    assert "seed-4" in project.runpytest("--collect-only", "-q").stdout.str()
    result = project.runpytest("-p", "no:harness")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'fallback_chain' not found*"])


def test_a_session_that_does_not_use_it_imports_nothing_slow(project: pytest.Pytester) -> None:
    """Other people's tests must not wait for pandas or LiteLLM, nor for anything of ours but the plugin itself."""
    project.makepyfile("def test_nothing(): ...")
    watched = project.path / "site" / "watch.py"
    watched.write_text("""
import sys

def pytest_sessionfinish():
    ours = {name for name in sys.modules if name.partition(".")[0] == "harness"}
    slow = {"litellm", "pandas", "numpy", "scipy", "pydantic", "msgspec", "ruamel", "matplotlib"} & set(sys.modules)
    print("imported:", sorted(ours | slow))
""")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "watch", "-s"],
        cwd=project.path,
        env={"PYTHONPATH": f"{project.path / 'site'}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "imported: ['harness', 'harness.pytest_plugin']" in done.stdout


def test_scenarios_run_in_several_processes(project: pytest.Pytester) -> None:
    """As with xdist: runs of the same second and seed in the same project do not meet."""
    project.makepyfile('import pytest\n@pytest.mark.chaos(scenario="bad.yaml")\ndef test_outage(): ...')
    environment = {"PYTHONPATH": f"{project.path / 'site'}:{ROOT}", "PATH": ""}
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q"], cwd=project.path, env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [child.communicate(timeout=120)[0] for child in children]
    assert ["1 failed" in text for text in told] == [True, True]
    assert kept(project) == ["outage", "outage"]
