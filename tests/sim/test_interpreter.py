"""The engine in the chain's own interpreter: the same history as in ours, and whatever can go wrong there."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from harness import sim
from harness.drivers.interpreter import interpreter_of
from harness.errors import HarnessError, UsageError
from harness.experiment.prepare import Loaded
from harness.fork import in_fork
from harness.lines import write
from harness.messages import RunPlan
from harness.provider.inject import Inject
from harness.sim.engine_process import EngineProcess, engine_process
from tests.interpreters import script
from tests.sim.worlds import MIXED, digest, small


def _there(loaded: Loaded, python: str) -> Loaded:
    return replace(loaded, chain=replace(loaded.chain, python=python))


def _process(loaded: Loaded) -> EngineProcess:
    interpreter = interpreter_of(loaded.chain)
    assert interpreter is not None
    return engine_process(interpreter)


def test_the_engine_needs_none_of_our_packages(tmp_path: Path, bare_python: str) -> None:
    """An environment without any package gives the same history."""
    here = small(tmp_path, "reference", *MIXED)
    there = _there(here, bare_python)

    assert digest(sim.run(there.plan, there.chain).history) == digest(sim.run(here.plan, here.chain).history)
    assert sim.records(there.plan, there.chain) == sim.records(here.plan, here.chain)


@pytest.mark.parametrize("driver", ["litellm-router", "openai-sdk"])
def test_the_same_packages_give_the_same_history(tmp_path: Path, same_python: str, driver: str) -> None:
    """Whichever interpreter they are in, and however often it runs."""
    here = small(tmp_path, driver, *MIXED)
    there = _there(here, same_python)
    expected = digest(sim.run(here.plan, here.chain).history)

    assert [digest(sim.run(there.plan, there.chain).history) for _ in range(2)] == [expected] * 2


def test_a_death_costs_one_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare_python: str) -> None:
    """It is named if it happens while a run goes on, and the next run has an engine of its own."""
    loaded = _there(small(tmp_path, "reference"), bare_python)
    first = digest(sim.run(loaded.plan, loaded.chain).history)
    os.kill(_process(loaded)._child.pid, signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(EngineProcess, "alive", True)  # as it was a moment ago
        with pytest.raises(HarnessError, match=r"ended early .signal SIGKILL.") as caught:
            sim.run(loaded.plan, loaded.chain)
    assert caught.value.where == bare_python
    assert digest(sim.run(loaded.plan, loaded.chain).history) == first


def test_a_death_that_a_fork_noticed_costs_one_run_too(tmp_path: Path, bare_python: str) -> None:
    """A suite's process forks for each run, and the fork's state is gone with it."""
    loaded = _there(small(tmp_path, "reference"), bare_python)
    sim.prepare(loaded.chain)
    os.kill(_process(loaded)._child.pid, signal.SIGKILL)

    with pytest.raises(HarnessError, match=r"ended early$"):
        in_fork(lambda: digest(sim.run(loaded.plan, loaded.chain).history))
    sim.prepare(loaded.chain)
    assert in_fork(lambda: digest(sim.run(loaded.plan, loaded.chain).history))


def test_an_answer_that_nobody_waits_for_is_not_the_next_one_s(tmp_path: Path, bare_python: str) -> None:
    """Whoever asked may have died over it: a fork of this process shares the engine."""
    one = _there(small(tmp_path, "reference"), bare_python)
    other = _there(small(tmp_path, "reference", *MIXED), bare_python)
    expected = digest(sim.run(other.plan, other.chain).history)
    child = _process(one)._child
    assert child.stdin is not None
    child.stdin.write(write(RunPlan(plan=one.plan, chain=one.chain, token="0" * 16)))
    child.stdin.flush()

    assert digest(sim.run(other.plan, other.chain).history) == expected


def test_an_error_there_is_the_same_error_here(tmp_path: Path, bare_python: str) -> None:
    """With its hint, and what kind it is."""
    loaded = _there(small(tmp_path, "reference"), bare_python)
    endless = replace(loaded.plan, load=replace(loaded.plan.load, deadline=-(10**15)))
    with pytest.raises(HarnessError, match="no end after") as caught:
        sim.run(endless, loaded.chain)
    assert caught.value.where == "sim"


def test_a_fault_of_a_package_that_is_not_installed_there_is_named(tmp_path: Path, bare_python: str) -> None:
    """It would be an unknown name in the middle of a run."""
    loaded = _there(small(tmp_path, "reference", *MIXED), bare_python)
    windows = tuple(replace(window, inject=Inject(fault="frozen")) for window in loaded.plan.timeline.windows)
    plan = replace(loaded.plan, timeline=replace(loaded.plan.timeline, windows=windows))

    with pytest.raises(UsageError, match="fault 'frozen' comes from a package that is not installed there"):
        sim.run(plan, loaded.chain)


def test_a_library_that_cannot_be_imported_there_is_the_user_s_to_mend(tmp_path: Path, bare_python: str) -> None:
    """Before a run begins; the chain is not blamed."""
    broken = tmp_path / "packages" / "litellm"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(
        "print('no newline', end=''); raise RuntimeError('half an installation')", "utf-8"
    )
    python = script(tmp_path / "python", f'PYTHONPATH={broken.parent} exec {bare_python} "$@"')
    loaded = _there(small(tmp_path, "litellm-router"), python)

    with pytest.raises(UsageError, match="cannot be imported: RuntimeError: half an installation"):
        sim.prepare(loaded.chain)
