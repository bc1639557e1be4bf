"""The process that simulates runs: none changes another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from harness import sim
from harness.experiment.prepare import Loaded
from harness.experiment.suites.simulating import Simulated, SimulateRun
from harness.lines import read, write
from harness.messages import Ready
from harness.store import RunFolder
from tests.sim.worlds import digest, gateway, small, tiny

pytestmark = pytest.mark.system


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """Have a process at hand, as a suite does."""
    answerer = "harness.experiment.suites.simulating:simulated"
    argv = [sys.executable, "-m", "harness.experiment.sim_part", answerer]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        read(process.stdout.readline(), Ready)
        yield process
        process.stdin.close()
        assert process.wait(60) == 0


def carry(process: subprocess.Popen[bytes], loaded: Loaded, reports: Path) -> RunFolder:
    """Have a run simulated and judged."""
    folder = RunFolder.create(reports, loaded.plan)
    assert process.stdin
    assert process.stdout
    process.stdin.write(write(SimulateRun(run=str(folder.path), chain=loaded.chain, command="harness run")))
    process.stdin.flush()
    assert read(process.stdout.readline(), Simulated).error is None
    return folder


@pytest.mark.parametrize("each", [6, pytest.param(25, marks=pytest.mark.slow)])
def test_a_worker_s_last_run_is_like_a_first_one(tmp_path: Path, each: int) -> None:
    """Whatever it has simulated before, on whatever chain."""
    reference = small(tmp_path, "reference")
    router = tiny(tmp_path, "litellm-router", "{status: 429}, share: 60%", chain=gateway(tmp_path))
    with worker() as process:
        for _ in range(each):
            last = [carry(process, loaded, tmp_path / "reports") for loaded in (reference, router)]
    here = [sim.run(loaded.plan, loaded.chain).history for loaded in (reference, router)]
    assert [digest(folder.history()) for folder in last] == [digest(history) for history in here]


STRATEGIES = {
    "shuffle": "routing_strategy: simple-shuffle",
    "usage": "routing_strategy: usage-based-routing",
    "usage-v2": "routing_strategy: usage-based-routing-v2",
    "latency": "routing_strategy: latency-based-routing",
    "least-busy": "routing_strategy: least-busy",
    "cost": "routing_strategy: cost-based-routing",
    "cooldown": "allowed_fails: 0, cooldown_time: 300",
}
"""Ways in which LiteLLM's Router picks; most keep callbacks in the module, and counts in its caches."""
ROUTED = """\
model_list:
  - {{model_name: gpt, litellm_params: {{model: openai/gpt-4, api_key: sk-1, rpm: 30}}, model_info: {{id: one}}}}
  - {{model_name: gpt, litellm_params: {{model: openai/gpt-4o, api_key: sk-2, rpm: 60}}, model_info: {{id: two}}}}
  - {{model_name: spare, litellm_params: {{model: anthropic/claude-3-5-sonnet-20241022, api_key: sk-3}}}}
router_settings: {{fallbacks: [{{gpt: [spare]}}], num_retries: 1, {strategy}}}
"""


def test_no_run_changes_another(tmp_path: Path) -> None:
    """Random pairs of chains and routing strategies, in both orders, one after the other in the same process."""
    worlds = {"reference": small(tmp_path, "reference"), "sdk": small(tmp_path, "openai-sdk")}
    for name, strategy in STRATEGIES.items():
        folder = tmp_path / name
        folder.mkdir()
        chain = folder / "litellm-config.yaml"
        chain.write_text(ROUTED.format(strategy=strategy))
        worlds[name] = tiny(folder, "litellm-router", "{status: 429}, share: 60%", chain=chain)
    random = Random(1)
    pairs = [random.sample(sorted(worlds), 2) for _ in range(5)]
    pairs.append(["usage", "usage"])
    alone: dict[str, str] = {}
    with worker() as process:
        for one, other in pairs:
            for name in (one, other, other, one):
                found = digest(carry(process, worlds[name], tmp_path / "reports").history())
                assert alone.setdefault(name, found) == found, f"{name} after other runs, in {one} and {other}"
    assert len(set(alone.values())) >= len(alone) - 1, "the worlds are too much alike to show anything"
