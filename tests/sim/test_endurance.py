"""Hundreds of runs in one process leave nothing behind: what a leak would move stays where it was."""

from __future__ import annotations

import asyncio
import atexit
import gc
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from harness import sim
from tests.sim.worlds import digest, gateway, tiny

WARM = {"reference": 100, "openai-sdk": 30, "litellm-router": 30}
"""Runs after which caches are full."""
COUNTED = {"reference": 120, "openai-sdk": 60, "litellm-router": 60}
"""Runs after that, in every build."""
COUNTED_SLOWLY = {"reference": 900, "openai-sdk": 270, "litellm-router": 270}
"""Those of `make test-all`, by which a smaller leak of memory shows too."""
GROWN_MAX = 50
"""Objects of one kind that those may add: a leak of one in each run adds more."""
GROWN_KB_MAX = {"reference": 16, "openai-sdk": 16, "litellm-router": 300}
"""Memory that a run may add. LiteLLM leaves 50 to 140 KB behind in each, which no Python object holds:
why each run of a suite is a fork."""
LIMIT_AND_BREAKS = ("{status: 429}, share: 60%", "{stream: cut, after_tokens: 2}, share: 60%")
DIALECTS = {
    "openai": "gpt-4",
    "azure": "gpt-4",
    "anthropic": "claude-3-5-sonnet-20241022",
    "gemini": "gemini-2.0-flash",
    "openrouter": "meta-llama/llama-3-70b-instruct",
    "deepseek": "deepseek-chat",
    "bedrock": "invoke/anthropic.claude-3-haiku-20240307-v1:0",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What a process holds.

    Attributes:
        counts: What nothing may add to, by what it is.
        objects: All that the garbage collector knows, by type.
        resident_kb: Memory.
    """

    counts: dict[str, int]
    objects: Counter[str]
    resident_kb: int


def kept() -> Kept:
    """Return what this process holds."""
    gc.collect()
    process, objects = psutil.Process(), gc.get_objects()
    counts = {
        "threads": threading.active_count(),
        "open files": process.num_fds(),
        "handlers at exit": atexit._ncallbacks(),  # type: ignore[attr-defined]  # nobody else can tell
        "tasks": sum(isinstance(each, asyncio.Task) for each in objects),
        "event loops": sum(isinstance(each, asyncio.BaseEventLoop) for each in objects),
        **dict(_held_by_litellm()),
    }
    kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in objects)
    return Kept(counts, kinds, process.memory_info().rss // 1024)


def _held_by_litellm() -> Iterator[tuple[str, int]]:
    """Yield how much is in each collection of LiteLLM's modules, and of the objects that they keep."""
    for module in [module for name, module in sorted(sys.modules.items()) if name.partition(".")[0] == "litellm"]:
        for name, value in sorted(vars(module).items()):
            place = f"{module.__name__}.{name}"
            if isinstance(value, list | dict | set):
                yield place, len(value)
            elif type(value).__module__.startswith("litellm"):
                for inner, held in sorted(getattr(value, "__dict__", {}).items()):
                    if isinstance(held, asyncio.Queue):
                        yield f"{place}.{inner}", held.qsize()
                    elif isinstance(held, Sized):
                        yield f"{place}.{inner}", len(held)


@pytest.mark.parametrize(
    ("driver", "counted"),
    [*COUNTED.items(), *(pytest.param(*item, marks=pytest.mark.slow) for item in COUNTED_SLOWLY.items())],
)
def test_many_runs_leave_nothing_behind(tmp_path: Path, driver: str, counted: int) -> None:
    """No callback, client, queue, task, thread, file or object more than after the first ones, and no memory to speak of.

    Four requests each, some of them streams; failing attempts, retries, cooldowns, fallbacks and answers cut off.
    """
    chain = gateway(tmp_path) if driver == "litellm-router" else None
    loaded = tiny(tmp_path, driver, *LIMIT_AND_BREAKS, chain=chain)
    history = sim.run(loaded.plan, loaded.chain).history
    assert set(history.attempts["outcome"]) >= {"ok", "status", "cut"}
    for _ in range(WARM[driver]):
        sim.records(loaded.plan, loaded.chain)
    kept()  # looking makes some objects itself, once
    before = kept()

    for _ in range(counted):
        sim.records(loaded.plan, loaded.chain)

    after = kept()
    assert after.counts == before.counts
    assert {kind: n for kind, n in (after.objects - before.objects).items() if n > GROWN_MAX} == {}
    assert after.resident_kb - before.resident_kb < counted * GROWN_KB_MAX[driver]
    assert digest(sim.run(loaded.plan, loaded.chain).history) == digest(history)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_run_s_calls_go_to_its_own_providers(tmp_path: Path, dialect: str) -> None:
    """A client that LiteLLM kept from an earlier run would call that run's: each dialect, streams and plain answers."""
    (tmp_path / "chain.yaml").write_text(
        f"name: one\ndriver: litellm-router\norder: [one]\n"
        f"providers:\n  one: {{dialect: {dialect}, model: {DIALECTS[dialect]}}}\n"
    )
    loaded = tiny(tmp_path, "reference", "{status: 503}, share: 50%", chain=tmp_path / "chain.yaml")
    first, again = (sim.run(loaded.plan, loaded.chain).history for _ in range(2))
    assert digest(first) == digest(again)
    assert set(first.requests["outcome"]) == {"ok"}
    assert set(first.attempts["request_id"]) == set(first.requests["request_id"])
