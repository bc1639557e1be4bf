"""The same plan gives the same history, whatever the process, the machine and the place are like."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import sim
from tests.sim.worlds import digest, worlds

CHILD = """
import sys, threading
from pathlib import Path
from harness import sim
from tests.sim.worlds import digest, worlds

def busy():
    while True:
        sum(range(1000))

folder, load, before = Path(sys.argv[1]), sys.argv[2] == "loaded", int(sys.argv[3])
if load:
    sys.setswitchinterval(1e-4)
    threading.Thread(target=busy, daemon=True).start()
all_of_them = worlds(folder)
for _ in range(before):
    sim.run(all_of_them[0].plan, all_of_them[0].chain)
for loaded in all_of_them if not before else reversed(all_of_them):
    print(loaded.path.name, digest(sim.run(loaded.plan, loaded.chain).history))
"""
PLACES = {
    "east": ({"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONUTF8": "1"}, "idle", "0"),
    "west": ({"PYTHONHASHSEED": "77", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8"}, "idle", "50"),
    "busy": ({"PYTHONHASHSEED": "5", "HOME": "/nowhere"}, "loaded", "0"),
}
"""The environment, whether the machine is busy, and how many other runs went before."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return the folder of the worlds, and what happens in each of them in this process."""
    folder = tmp_path_factory.mktemp("worlds")
    return folder, {loaded.path.name: digest(sim.run(loaded.plan, loaded.chain).history) for loaded in worlds(folder)}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_around_a_run_matters(here: tuple[Path, dict[str, str]], tmp_path: Path, place: str) -> None:
    """Neither the order of sets, time zone, language, home and working directory, nor another thread's load, nor earlier runs.

    Streams, retries, cooldowns, fallbacks, a breaker, a budget and hedging, on all chains that run in virtual time.
    """
    folder, ours = here
    own, load, before = PLACES[place]
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path), **own}
    argv = [sys.executable, "-c", CHILD, str(folder), load, before]
    done = subprocess.run(argv, env=env, cwd=elsewhere, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert dict(line.split() for line in done.stdout.splitlines()) == ours


def test_the_worlds_are_rich_enough(tmp_path: Path) -> None:
    """What is compared holds streams, hedges, retries, fallbacks, and answers cut off."""
    hedged = worlds(tmp_path)[0]
    history = sim.run(hedged.plan, hedged.chain).history
    attempts = history.attempts.sort_values("start_ns")
    overlap = attempts.groupby("request_id").apply(
        lambda mine: (mine["start_ns"].to_numpy()[1:] < mine["end_ns"].to_numpy()[:-1]).any(), include_groups=False
    )
    assert overlap.any(), "no hedge"
    assert history.requests["streaming"].any()
    assert set(attempts["provider"]) == {"openai", "azure", "anthropic"}
    assert set(attempts["outcome"]) >= {"ok", "status", "client_left"}
