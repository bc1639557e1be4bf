"""Children are started, talked to, watched and ended; nothing stays behind, however the runner ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.errors import HarnessError
from harness.live.processes import OwnedProcess, without_tracebacks
from harness.messages import Begin, Ready
from tests.polling import until

PART = """
import json, os, sys
start = json.loads(sys.stdin.readline())
print("chatter of a library", flush=True)
print(json.dumps({"Here": {"pid": os.getpid(), "got": start}}, separators=(",", ":")), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if "Die" in message:
        print("last words", file=sys.stderr, flush=True)
        os._exit(message["Die"]["code"])
    print(json.dumps({"Echo": {"got": message}}, separators=(",", ":")), flush=True)
print("ended by itself", file=sys.stderr, flush=True)
"""
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"Here":{}}', flush=True)
while True:
    time.sleep(60)
"""
# A leader that ends on SIGTERM only after a word, and a worker that would outlive it and ignores SIGTERM.
GATEWAY = (
    "trap 'echo bye; exit 0' TERM; (trap '' TERM; echo worker $BASHPID; while :; do sleep 60; done) & echo up; wait"
)


@dataclass(frozen=True, kw_only=True)
class Hello:
    """Start message of these parts."""

    secret: str = "hush"


@dataclass(frozen=True, kw_only=True)
class Here:
    """Their ready message."""

    pid: int = 0
    got: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Echo:
    """What they answer."""

    got: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Die:
    """Asks one to exit with a code."""

    code: int


START = Hello()


def part(tmp_path: Path, code: str = PART, **options: Any) -> OwnedProcess:
    """Return a part that runs the given code."""
    return OwnedProcess("edge", [sys.executable, "-c", code], log=tmp_path / "edge.log", part=True, **options)


def gateway(tmp_path: Path, code: str = GATEWAY, **options: Any) -> OwnedProcess:
    """Return a foreign program that runs a shell script."""
    return OwnedProcess("gateway", ["bash", "-c", code], log=tmp_path / "gateway.log", **options)


def gone(pid: int) -> bool:
    """Return whether a process is no more, or but an entry that nobody has read."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def group(pid: int) -> set[int]:
    """Return the living members of a process group."""
    members = set()
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid and not gone(process.pid):
                members.add(process.pid)
        except ProcessLookupError:
            pass
    return members


async def test_part_is_started_messaged_and_ended(tmp_path: Path) -> None:
    """A part gets its start message and later ones, answers, and ends by itself when its input does."""
    async with part(tmp_path) as child:
        ready = await child.ready(START, Here)
        assert ready == Here(pid=child.pid, got={"Hello": {"secret": "hush"}})
        await child.send(Begin(origin_ns=5))
        assert await child.receive(Echo) == Echo(got={"Begin": {"origin_ns": 5}})
    assert gone(child.pid)
    assert (tmp_path / "edge.log").read_text() == "chatter of a library\nended by itself\n"


async def test_secrets_stay_out_of_process_list(tmp_path: Path) -> None:
    """The start message is not among the arguments that every user of the machine can read."""
    async with part(tmp_path) as child:
        await child.ready(START, Here)
        assert "hush" not in " ".join(psutil.Process(child.pid).cmdline())


async def test_environment_has_no_proxy(tmp_path: Path) -> None:
    """A proxy for the internet must not catch the calls on the loopback."""
    env = {**os.environ, "HTTP_PROXY": "http://proxy.invalid", "https_proxy": "http://proxy.invalid", "KEPT": "yes"}
    async with gateway(tmp_path, "env; sleep 60", env=env):
        await asyncio.to_thread(until, lambda: "KEPT=yes" in (tmp_path / "gateway.log").read_text())
    assert "proxy.invalid" not in (tmp_path / "gateway.log").read_text()


async def test_part_that_is_not_ready_in_time_is_named(tmp_path: Path) -> None:
    """The error names the part, and quotes its last output."""
    code = "import sys, time; print('still loading', file=sys.stderr, flush=True); time.sleep(60)"
    with pytest.raises(HarnessError, match=r"^edge: was not ready after 0\.01 s\n(.*\n)*.*still loading$"):  # noqa: PT012 - any of them
        async with part(tmp_path, code, grace_s=0) as child:
            await asyncio.to_thread(until, (tmp_path / "edge.log").read_text)
            await child.ready(START, Here, timeout_s=0.01)


async def test_part_that_ends_before_it_is_ready_is_named(tmp_path: Path) -> None:
    """Nobody waits a minute for a part that is gone."""
    with pytest.raises(HarnessError, match=r"^edge: ended before its time \(exit code 1\)\n(.*\n)*.*no such module$"):
        async with part(tmp_path, "raise SystemExit('no such module')") as child:
            await child.ready(START, Here)


async def test_another_message_than_expected_names_the_part(tmp_path: Path) -> None:
    """A part of another version fails at its first message, and not by a wrong record later."""
    with pytest.raises(HarnessError, match=r"^edge: sent a message that cannot be used: expected Ready, got 'Here'"):
        async with part(tmp_path) as child:
            await child.ready(START, Ready)


def test_a_traceback_is_one_line_of_the_hint() -> None:
    """The log has it whole; what the user reads is what was wrong, among what else was written."""
    log = """\
started
Traceback (most recent call last):
  File "x.py", line 1, in <module>
    main()
    ~~~~^^
KeyError: 'x'
bye""".splitlines()
    assert without_tracebacks(log) == ["started", "unexpected error: KeyError: 'x'", "bye"]


async def test_unexpected_death_is_noticed(tmp_path: Path) -> None:
    """A death in mid-run comes with its exit code and last words, and calls of the dead fail."""
    with pytest.raises(HarnessError, match=r"ended before its time \(exit code 7\)"):  # noqa: PT012 - leaving the block raises, too
        async with part(tmp_path) as child:
            await child.ready(START, Here)
            await child.send(Die(code=7))
            error = await child.died()
            assert "exit code 7" in str(error)
            assert "last words" in str(error)
            with pytest.raises(HarnessError, match="exit code 7"):
                await child.receive(Echo)
            await child.send(Hello())


def test_death_by_signal_is_noticed_through_the_tether(tmp_path: Path) -> None:
    """A foreign program's end is reported as it was, although a script is between."""

    async def story() -> str:
        async with gateway(tmp_path, "echo up; kill -SEGV $$") as child:
            return str(await child.died())

    assert "signal SIGSEGV" in asyncio.run(story())


async def test_planned_end_is_no_death(tmp_path: Path) -> None:
    """Whoever waits for a death is not woken by the run's own ending."""
    async with part(tmp_path) as child:
        await child.ready(START, Here)
        death = asyncio.create_task(child.died())
    await asyncio.wait([death], timeout=0.05)
    assert not death.done()
    death.cancel()


async def test_stubborn_part_is_killed(tmp_path: Path) -> None:
    """A part that neither reads its input nor heeds SIGTERM does not outlive the run, and its records are not trusted."""
    pids = []
    with pytest.raises(HarnessError, match=r"ended badly \(signal SIGKILL\)"):  # noqa: PT012 - leaving the block raises, too
        async with part(tmp_path, STUBBORN, grace_s=0.05) as child:
            pids.append(child.pid)
            await child.ready(START, Here)
    assert gone(pids[0])


async def test_a_part_that_fails_at_its_end_is_noticed(tmp_path: Path) -> None:
    """What it had still to write may be lost, so the run is not complete."""
    failing = PART + "sys.exit(3)"
    with pytest.raises(HarnessError, match=r"ended badly \(exit code 3\)"):
        async with part(tmp_path, failing) as child:
            await child.ready(START, Here)


async def test_foreign_program_ends_with_all_its_workers(tmp_path: Path) -> None:
    """SIGTERM lets it end in order; a worker that ignores the signal goes too."""
    log = tmp_path / "gateway.log"
    async with gateway(tmp_path) as child:
        await asyncio.to_thread(until, lambda: "worker" in log.read_text() and "up" in log.read_text())
        assert len(group(child.pid)) >= 3
    until(lambda: not group(child.pid))
    assert "bye" in log.read_text()


async def test_unknown_program_is_an_error(tmp_path: Path) -> None:
    """A typing mistake in a gateway's command is reported before anything is started."""
    with pytest.raises(HarnessError, match="gateway: there is no program 'no-such-gateway'"):
        async with OwnedProcess("gateway", ["no-such-gateway"], log=tmp_path / "log"):
            pass


def test_program_that_cannot_run_says_so(tmp_path: Path) -> None:
    """A program of another machine's kind is a death with a reason."""
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF not really")
    broken.chmod(0o755)

    async def story() -> str:
        async with OwnedProcess("gateway", [str(broken)], log=tmp_path / "log") as child:
            return str(await child.died())

    assert "cannot start" in asyncio.run(story())


@pytest.mark.parametrize("when", ["in the body", "at the end"])
async def test_cancellation_leaves_nothing_behind(tmp_path: Path, when: str) -> None:
    """A run that is interrupted, even twice and while it ends, takes its children along."""
    pids: list[int] = []

    async def story(started: asyncio.Event) -> None:
        async with part(tmp_path, STUBBORN, grace_s=0.2) as child, gateway(tmp_path, grace_s=0.2) as other:
            pids.extend([child.pid, other.pid])
            await child.ready(START, Here)
            started.set()
            if when == "in the body":
                await asyncio.Event().wait()

    started = asyncio.Event()
    task = asyncio.create_task(story(started))
    await started.wait()
    for _ in range(2):
        await asyncio.wait([task], timeout=0.05)
        task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    for pid in pids:
        until(lambda pid=pid: not group(pid))


RUNNER = """
import asyncio, json, sys
from pathlib import Path
from dataclasses import make_dataclass
from harness.live.processes import OwnedProcess
from harness.messages import Ready
Here = make_dataclass('Here', [('pid', int), ('got', dict)])
async def main(folder):
    part = OwnedProcess("edge", [sys.executable, "-c", sys.argv[2]], log=folder / "edge.log", part=True)
    gateway = OwnedProcess("gateway", ["bash", "-c", sys.argv[3]], log=folder / "gateway.log", grace_s=0.2)
    async with part, gateway:
        await part.ready(Ready(), Here)
        print(json.dumps([part.pid, gateway.pid]), flush=True)
        await asyncio.Event().wait()
asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_death_of_the_runner_ends_its_children(tmp_path: Path, number: signal.Signals) -> None:
    """Even a `kill -9` of the runner leaves no process, worker or listening port behind."""
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path), PART, GATEWAY],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with runner:
        try:
            assert runner.stdout is not None
            pids = json.loads(runner.stdout.readline())
            until(lambda: "worker" in (tmp_path / "gateway.log").read_text())
            assert all(group(pid) for pid in pids)
            runner.send_signal(number)
            runner.wait(timeout=20)
            for pid in pids:
                until(lambda pid=pid: not group(pid))
        finally:
            runner.kill()
