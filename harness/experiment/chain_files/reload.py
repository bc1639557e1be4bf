"""Have a running gateway read its configuration again, and find out whether it is well."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from harness.chain.scrub import scrub
from harness.errors import HarnessError, UsageError

HEALTH = "http://127.0.0.1:4000/health/readiness"
"""Where LiteLLM's proxy answers by default, without a key."""
_ANSWER_S = 5.0
_EVERY_S = 0.25
_STEADY = 3
"""Good answers in a row: the gateway that is about to end may give one more."""
_TAIL_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """How a running gateway is made to read its configuration.

    Attributes:
        command: Its words, which are run without a shell.
        health: The gateway's health page: well is a 200 with JSON, and not a redirect or a page for people.
        command_s: How long the command may take.
        healthy_s: How long the gateway may take after it.
    """

    command: tuple[str, ...]
    health: str = HEALTH
    command_s: float = 120.0
    healthy_s: float = 60.0


def reload_with(command: str | None, health: str | None) -> Reload | None:
    """Return how a gateway is reloaded, as a user writes it; None if it is not.

    Raises:
        UsageError: It is no command, or no address.
    """
    parts = urlsplit(health or HEALTH)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"not an address: {health!r}", where="--health", hint=f"--health {HEALTH}")
    if command is None:
        if health is not None:
            raise UsageError("goes with --reload", where="--health")
        return None
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"not a command: {error}", where="--reload") from None
    if not words:
        raise UsageError("an empty command", where="--reload")
    return Reload(command=tuple(words), health=health or HEALTH)


async def reload(how: Reload) -> None:
    """Run the command that makes a gateway read its configuration, and wait until the gateway is well.

    Raises:
        HarnessError: The command fails, or the gateway is not well in time.
    """
    command = how.command
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        log = Path(folder) / "reload.log"
        with log.open("wb") as output:  # a file: what the command leaves running may keep it open
            try:
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
            except OSError as error:
                raise HarnessError(f"cannot be run: {error.strerror}", where=command[0]) from None
        try:
            code = await asyncio.wait_for(process.wait(), how.command_s)
        except (TimeoutError, asyncio.CancelledError) as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise HarnessError(f"did not end within {how.command_s:g} s", where=command[0], hint=_tail(log)) from None
        if code != 0:
            raise HarnessError(f"exit code {code}", where=command[0], hint=_tail(log))
        if (why := await _well(how.health, how.healthy_s)) is not None:
            problem = f"is not well {how.healthy_s:g} s after the reload: {why}"
            raise HarnessError(problem, where=scrub(how.health), hint=_tail(log))


async def _well(url: str, timeout_s: float) -> str | None:
    """Return None once a gateway is well, or why it is not."""
    loop = asyncio.get_running_loop()
    deadline, good, why = loop.time() + timeout_s, 0, "no answer"
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        while loop.time() < deadline:
            found = await _answer(session, url)
            good, why = (good + 1, why) if found is None else (0, found)
            if good == _STEADY:
                return None
            await asyncio.sleep(_EVERY_S)
    return why


async def _answer(session: aiohttp.ClientSession, url: str) -> str | None:
    """Return None if a gateway answers that it is well, or what it answers."""
    try:
        async with session.get(url, allow_redirects=False) as answer:
            body = await answer.content.read(2**16)
            if answer.status != 200:
                return f"it answers {answer.status}"
            json.loads(body)
            return None
    except ValueError:
        return "it answers 200, and no JSON"
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return f"no answer ({type(error).__name__})"


def _tail(log: Path) -> str | None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    shown = "\n".join(f"    {line}" for line in lines)
    return scrub(f"the last output of the command:\n{shown}") if lines else None
