"""Parts that are forked instead of started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.drivers.litellm_variables import variables
from harness.errors import HarnessError
from harness.live.nursery import Nursery, nurseries
from harness.live.processes import OwnedProcess
from harness.messages import Failed, Ready

pytestmark = pytest.mark.system

TINY = """\
import json, random, sys, time

LOADED = time.monotonic_ns()

def main():
    asked = json.loads(sys.stdin.readline())
    ready = {"Tiny": {"loaded": LOADED, "drawn": random.random(), "asked": asked}}
    print(json.dumps(ready, separators=(",", ":")), flush=True)
    print("chatter", file=sys.stderr)
    for line in sys.stdin:
        if "Failed" in line:
            raise ValueError("a bug")
    return 0
"""


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """The ready message of a tiny part."""

    loaded: int
    drawn: float
    asked: dict[str, Any]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a package whose program reports when it was loaded, and return the file."""
    package = tmp_path / "tiny"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    program = package / "__main__.py"
    program.write_text(TINY)
    return program


def part(nursery: Nursery, log: Path) -> OwnedProcess:
    """Return a part that the nursery makes."""
    return OwnedProcess("tiny", [sys.executable, "-m", "tiny"], log=log, part=True, fork=nursery.fork)


def told(tmp_path: Path, story: Callable[[Nursery], Awaitable[Any]]) -> Any:
    """Return what becomes of a story in a nursery of tiny parts."""

    async def main() -> Any:
        async with Nursery.start("tiny", log=tmp_path / "nursery.log") as nursery:
            return await story(nursery)

    return asyncio.run(asyncio.wait_for(main(), 60))


async def death(child: OwnedProcess, deed: Callable[[OwnedProcess], Awaitable[None]]) -> HarnessError:
    """Start a part, do something to it, and return how its death is reported."""
    error: HarnessError | None = None
    with contextlib.suppress(HarnessError):
        async with child:
            await child.ready(Ready(), Tiny)
            await deed(child)
            error = await child.died()
    assert error is not None
    return error


def test_parts_are_made_without_their_imports(tiny: Path, tmp_path: Path) -> None:
    """Each a process group of its own that gets its messages, its chance and its log for itself."""

    async def story(nursery: Nursery) -> list[Tiny]:
        async with part(nursery, tmp_path / "a.log") as a, part(nursery, tmp_path / "b.log") as b:
            ready = [await a.ready(Failed(problem="a"), Tiny), await b.ready(Failed(problem="b"), Tiny)]
            assert a.pid != b.pid
            assert [os.getpgid(child.pid) for child in (a, b)] == [a.pid, b.pid]
            return ready

    a, b = told(tmp_path, story)
    assert (a.asked, b.asked) == ({"Failed": {"problem": "a"}}, {"Failed": {"problem": "b"}})
    assert a.loaded == b.loaded
    assert a.drawn != b.drawn
    assert [(tmp_path / name).read_text() for name in ("a.log", "b.log")] == ["chatter\n"] * 2


def test_a_part_ends_when_its_owner_lets_go(tiny: Path, tmp_path: Path) -> None:
    """Its standard input is nobody else's: another part that lives on does not keep it open."""

    async def story(nursery: Nursery) -> int:
        first = part(nursery, tmp_path / "a.log")
        async with first, part(nursery, tmp_path / "b.log") as second:
            await first.ready(Ready(), Tiny)
            await second.ready(Ready(), Tiny)
            await first.end(grace_s=20)
            return first._exit.result()

    assert told(tmp_path, story) == 0


def test_a_part_that_dies_is_noticed(tiny: Path, tmp_path: Path) -> None:
    """With how, and its last words."""

    async def kill(child: OwnedProcess) -> None:
        os.kill(child.pid, signal.SIGKILL)

    async def confuse(child: OwnedProcess) -> None:
        await child.send(Failed(problem="raise"))

    async def story(nursery: Nursery) -> list[HarnessError]:
        return [await death(part(nursery, tmp_path / f"{do.__name__}.log"), do) for do in (kill, confuse)]

    killed, raised = told(tmp_path, story)
    assert "SIGKILL" in killed.problem
    assert "exit code 1" in raised.problem
    assert "ValueError: a bug" in raised.hint


def test_a_nursery_that_dies_takes_its_parts_along(tiny: Path, tmp_path: Path) -> None:
    """How they end could not be observed any more; the next part is refused, with a reason."""
    orphans: list[psutil.Process] = []

    async def kill_parent(child: OwnedProcess) -> None:
        orphans.append(psutil.Process(child.pid))
        parent = psutil.Process(child.pid).parent()
        assert parent is not None
        parent.kill()

    async def story(nursery: Nursery) -> HarnessError:
        child = part(nursery, tmp_path / "a.log")
        assert "ended before its time" in (await death(child, kill_parent)).problem
        for process in orphans:
            process.wait(timeout=10)
        assert not nursery.alive
        with pytest.raises(HarnessError) as caught:
            await part(nursery, tmp_path / "b.log").__aenter__()
        return caught.value

    assert told(tmp_path, story).where == "nursery"


def test_a_part_that_nobody_waits_for_any_more_ends(tiny: Path, tmp_path: Path) -> None:
    """A run may be cut short while its part is born: the other runs of the suite go on, and it must not stay with them."""

    async def story(nursery: Nursery) -> None:
        async with part(nursery, tmp_path / "a.log") as known:
            await known.ready(Ready(), Tiny)
            parent = psutil.Process(known.pid).parent()
            assert parent is not None
            parent.suspend()
            with (tmp_path / "b.log").open("ab") as log:
                birth = asyncio.create_task(nursery.fork(log.fileno()))
                await asyncio.sleep(0)
                birth.cancel()
                await asyncio.wait([birth])
            parent.resume()
            async with part(nursery, tmp_path / "c.log") as last:  # made after the one that nobody owns
                await last.ready(Ready(), Tiny)
                while len(parent.children()) > 2:  # noqa: ASYNC110 - nobody tells of a part without an owner
                    await asyncio.sleep(0.01)

    told(tmp_path, story)


def test_what_has_threads_is_not_forked(tiny: Path, tmp_path: Path) -> None:
    """A fork takes along the one thread that forks; the runs then start without it, and a warning gives the reason."""
    tiny.write_text("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n" + TINY)
    with pytest.raises(HarnessError) as caught:
        told(tmp_path, lambda _nursery: asyncio.sleep(0))
    assert "it cannot be forked" in (caught.value.hint or "")


def test_a_kind_without_a_nursery_is_started_as_ever(tmp_path: Path) -> None:
    """A nursery that does not start is a warning."""
    said: list[str] = []

    async def main() -> dict[str, Any]:
        async with nurseries({"no.such.module": ()}, tmp_path, said.append) as forks:
            return forks()

    assert asyncio.run(main()) == {}
    (line,) = said
    assert line.startswith("warning: runs will start slowly: nursery: ended before its time")


def test_the_parts_of_a_run_can_be_forked(tmp_path: Path) -> None:
    """The real ones: neither LiteLLM nor the edge starts a thread when it is imported."""

    async def main() -> set[str]:
        modules = {"harness.drivers.litellm_router": variables({}), "harness.edge": ()}
        async with nurseries(modules, tmp_path, pytest.fail) as forks:
            return set(forks())

    assert asyncio.run(main()) == {"harness.drivers.litellm_router", "harness.edge"}
