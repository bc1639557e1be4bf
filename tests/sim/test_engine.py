"""Whole runs: always the same, nothing real, nothing left behind."""

from __future__ import annotations

import _thread
import asyncio
import gc
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import sim
from harness.drivers import in_process
from harness.drivers.reference.host import Reference
from harness.errors import UsageError
from harness.provider.kinds import Api
from harness.sim.clock import UnrealError
from tests.sim.worlds import digest, small

DRIVERS = ("reference", "litellm-router", "openai-sdk")


@pytest.mark.parametrize("driver", DRIVERS)
def test_again_is_the_same(tmp_path: Path, driver: str) -> None:
    """A plan gives the same history again, another seed another one, and other runs in between change nothing."""
    loaded, other = small(tmp_path, driver), small(tmp_path, driver, seed=2)
    first = digest(sim.run(loaded.plan, loaded.chain).history)
    assert digest(sim.run(other.plan, other.chain).history) != first
    random.random()
    assert digest(sim.run(loaded.plan, loaded.chain).history) == first


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_attempt_is_seen_by_both_sides(tmp_path: Path, driver: str) -> None:
    """No row is lost, whatever breaks; an attempt that a fault changed names it."""
    loaded = small(tmp_path, driver)
    history = sim.run(loaded.plan, loaded.chain).history
    assert history.lost == 0
    assert set(history.attempts["seen_by"]) == {"both"}
    assert (history.faults["fired"] > 0).sum() >= 3
    assert set(history.attempts["outcome"]) >= {"ok", "status", "reset"}


def test_a_run_that_only_live_can_do_says_so(tmp_path: Path) -> None:
    """A chain that is no code of ours to call is refused before anything begins."""
    loaded = small(tmp_path, "reference")
    chain = type(loaded.chain)(**{**_fields(loaded.chain), "driver": "litellm-proxy"})
    with pytest.raises(UsageError, match="live"):
        sim.run(loaded.plan, chain)


def _fields(chain: object) -> dict[str, object]:
    return {name: getattr(chain, name) for name in chain.__slots__}  # type: ignore[attr-defined]


DEEDS = {
    "sleep": lambda: time.sleep(0.001),
    "thread": lambda: _thread.start_new_thread(print, ()),
    "process": lambda: subprocess.run(["true"], check=False),
    "wait": lambda: threading.Event().wait(0.01),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("swallowed", [True, False])
def test_what_is_real_stops_the_run_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str, swallowed: bool
) -> None:
    """Even where the chain makes nothing of it, or a task group makes a group of it; and all is as before afterwards."""
    ask = Reference.ask

    async def real(self: Reference, api: Api, body: dict[str, object]) -> object:
        try:
            DEEDS[deed]()
        except Exception:
            if not swallowed:
                raise
        async for piece in ask(self, api, body):
            yield piece

    monkeypatch.setattr(Reference, "ask", real)
    before = _patched()
    loaded = small(tmp_path, "reference")
    with pytest.raises(UnrealError, match=f"a real .*{deed}|a real {deed}") as caught:
        sim.run(loaded.plan, loaded.chain)
    assert "test_engine" in caught.value.problem
    assert caught.value.exit_code == 4
    assert _patched() == before
    assert gc.isenabled()


def test_callers_who_wait_for_ever_are_let_go_by_their_deadline(tmp_path: Path) -> None:
    """A chain that hangs is no deadlock: its callers leave, and that is in the history."""
    loaded = small(tmp_path, "reference", "{connection: silent}")
    ran = sim.run(loaded.plan, loaded.chain)
    assert ran.history.lost == 0


def test_a_deadlock_says_who_waits_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a run that nothing can bring about is an error that names the waiting."""

    @contextmanager
    def stuck(_seed: int) -> Iterator[None]:
        yield

    monkeypatch.setattr("harness.sim.engine._seeded", stuck)

    async def never(*_args: object) -> None:
        await asyncio.create_task(asyncio.Event().wait(), name="req-000001")

    monkeypatch.setattr("harness.sim.engine._story", never)
    loaded = small(tmp_path, "reference")
    with pytest.raises(UnrealError, match=r"deadlock.*req-000001 \(locks\.py:\d+\)"):
        sim.run(loaded.plan, loaded.chain)


def _patched() -> list[object]:
    import concurrent.futures  # noqa: PLC0415 - looked at anew each time
    import socket  # noqa: PLC0415 - as above

    import anyio.to_thread  # noqa: PLC0415 - as above

    return [
        time.sleep,
        threading.Thread.start,
        threading.Condition.wait,
        vars(socket.socket).get("connect"),
        subprocess.Popen.__init__,
        concurrent.futures.ThreadPoolExecutor.submit,
        anyio.to_thread.run_sync,
        os.fork,
    ]


def test_litellm_is_as_before_afterwards(tmp_path: Path) -> None:
    """What was left out of it is back, also when a run fails."""
    in_process.prepare(small(tmp_path, "litellm-router").chain)
    import litellm.utils  # noqa: PLC0415 - slow

    before = litellm.utils.traceback

    def fail() -> None:
        assert litellm.utils.traceback is not before
        raise ZeroDivisionError

    quick = in_process.quick(small(tmp_path, "litellm-router").chain)
    with pytest.raises(ZeroDivisionError), quick:
        fail()
    assert litellm.utils.traceback is before


@pytest.mark.parametrize(
    "inject", ["{status: 503}", "{connection: refused}", "{stream: malformed}", "{status: 401}", "{connection: close}"]
)
def test_what_is_left_out_of_litellm_changes_no_history(tmp_path: Path, inject: str) -> None:
    """With and without the work that nobody looks at, the same happens."""
    loaded = small(tmp_path, "litellm-router", inject)
    quick = sim.run(loaded.plan, loaded.chain).history
    whole = sim.run(loaded.plan, loaded.chain, optimised=False).history
    assert digest(quick) == digest(whole)
