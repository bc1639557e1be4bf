"""Runs of one chain that share its libraries' imports: the same histories as runs that import everything themselves."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from harness import sim
from harness.chain import Chain
from harness.errors import HarnessError
from harness.experiment.prepare import Loaded, load
from harness.fork import Forker, in_fork
from harness.scenario import Plan
from harness.sim import warm
from tests.sim.test_python_chains import EXAMPLES, LIBRARIES, ROOT, world
from tests.sim.worlds import digest

LIBRARY = """\
import os, random, time
with open(os.environ["IMPORTS"], "a") as file:
    file.write("x")
BASE = os.environ["FIRST"]
BEGUN_S = time.monotonic()
OWN = random.Random()
[random.random() for _ in range(int(os.environ.get("DRAWS", "3")))]
{more}
"""
CODE = (
    "import some_library\n"
    "import random\nimport asyncio\nAT_IMPORT = random.random()\n"
    "USED = []\n"
    + LIBRARIES["httpx"].replace("async def answer", "async def inner")
    + """
async def answer(messages, *, model):
    USED.append(1)
    await asyncio.sleep(AT_IMPORT + some_library.OWN.random() + some_library.BEGUN_S + len(USED) / 1000 + random.random())
    assert some_library.BASE == os.environ["FIRST"]
    return await inner(messages, model=model)
"""
)


@pytest.fixture(autouse=True)
def _forkers() -> Iterator[None]:
    """End the processes that a test has left to fork from."""
    yield
    for _, forker in warm._forkers:
        if forker is not None:
            forker.close()
    warm._forkers.clear()


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """Install a library that notes each of its imports, and reads its environment, the clock and chance then."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "some_library.py").write_text(LIBRARY.format(more=getattr(request, "param", "")))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("IMPORTS", str(tmp_path / "imports"))
    yield "some_library"
    assert "some_library" not in sys.modules


def ran(plan: Plan, chain: Chain) -> str:
    """Return a hash of a run's history."""
    return digest(sim.run(plan, chain).history)


def cold(loaded: Loaded) -> str:
    """Carry a run out in a process that has imported nothing for it."""
    return in_fork(partial(ran, loaded.plan, loaded.chain))


def warmed(loaded: Loaded) -> str:
    """Carry a run out in a process that shares its imports."""
    return warm.in_fork_for(loaded.chain, partial(ran, loaded.plan, loaded.chain))


def imports(tmp_path: Path) -> int:
    """Return how often the library was imported."""
    return len((tmp_path / "imports").read_text())


def test_a_library_is_imported_once_and_no_history_changes(tmp_path: Path, library: str) -> None:
    """Whatever it drew when it was imported; the application's own modules begin afresh."""
    loaded = world(tmp_path, CODE)
    seeds = [replace(loaded, plan=replace(loaded.plan, seed=seed)) for seed in (1, 2, 1)]
    expected = [cold(each) for each in seeds]
    before = imports(tmp_path)

    assert [warmed(each) for each in seeds] == expected
    assert imports(tmp_path) - before == 1
    assert expected[0] != expected[1]


def test_what_a_library_draws_changes_nothing(tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither at its import nor afterwards: another version of it may draw more."""
    loaded = world(tmp_path, CODE)
    first = cold(loaded)
    monkeypatch.setenv("DRAWS", "7")
    assert cold(loaded) == first


def test_two_chains_share_nothing(tmp_path: Path, library: str) -> None:
    """Each library reads the variables of its own chain."""
    one = world(tmp_path, CODE)
    chain = replace(one.chain, env={**one.chain.env, "FIRST": "{second.base_url}/v1"})
    other = replace(one, chain=chain)
    expected = [cold(one), cold(other)]

    assert expected[0] != expected[1]
    assert [warmed(each) for each in (one, other, one, other)] == expected * 2
    assert imports(tmp_path) == 4


def test_only_so_many_chains_keep_a_process(tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was not used for longest imports its libraries again."""
    monkeypatch.setattr(warm, "_KEPT_MAX", 2)
    loaded = world(tmp_path, CODE)
    chains = [replace(loaded, chain=replace(loaded.chain, name=name)) for name in "abc"]
    for each, count in zip((0, 1, 0, 2, 0, 1), (1, 2, 2, 3, 3, 4), strict=True):
        warmed(chains[each])
        assert imports(tmp_path) == count


UNFIT = {
    "leaves a thread": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
    "keeps the loop": "import asyncio\nLOOP = asyncio.get_running_loop()",
    "exits": "raise SystemExit(3)",
    "raises": "raise RuntimeError('no licence')",
}


@pytest.mark.parametrize("library", UNFIT.values(), ids=UNFIT, indirect=True)
def test_a_library_that_cannot_be_shared_is_imported_by_each_run(tmp_path: Path, library: str) -> None:
    """With the same outcome as ever."""
    loaded = world(tmp_path, CODE)

    def outcome(run: object) -> str:
        try:
            return str(run(loaded))  # type: ignore[operator]
        except HarnessError as error:
            return error.problem

    expected = outcome(cold)
    before = imports(tmp_path)
    assert [outcome(warmed) for _ in range(2)] == [expected] * 2
    assert imports(tmp_path) - before == 3


def test_a_death_costs_one_run(tmp_path: Path, library: str) -> None:
    """The next one has a process of its own."""
    loaded = world(tmp_path, CODE)
    expected = warmed(loaded)
    forker = warm._forkers[0][1]
    assert isinstance(forker, Forker)
    os.kill(forker.pid, signal.SIGKILL)
    with pytest.raises(HarnessError, match="the process that forks has ended"):
        warmed(loaded)
    assert warmed(loaded) == expected


def test_openai_s_sdk_is_imported_once() -> None:
    """With the same history as in a process of its own."""
    scenario = ROOT / "scenarios" / "smoke" / "rate-limit.yaml"
    loaded = load(scenario, chain=EXAMPLES / "openai-sdk-loop.yaml")
    assert [warmed(loaded) for _ in range(2)] == [cold(loaded)] * 2
    assert warm._forkers[-1][1] is not None
