"""Try a configuration on LiteLLM's own proxy, as `driver: litellm-proxy` hosts it, before it is put in place."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from harness.chain import Chain
from harness.chain.litellm_config import deployments
from harness.chain.redact import secrets
from harness.chain.scrub import scrub
from harness.drivers.built import settled
from harness.drivers.host import Host, host
from harness.errors import HarnessError
from harness.live.environment import child_environment
from harness.live.processes import READY_S, OwnedProcess
from harness.messages import LoadTarget

TRIED_ON = "litellm-proxy"
"""The driver that hosts it."""
_NAME = "LiteLLM's proxy"
_LIST_S = 30.0
_READ = """
import sys, yaml
try:
    yaml.safe_load(sys.stdin.buffer.read())
except yaml.YAMLError as error:
    mark = getattr(error, "problem_mark", None)
    print(getattr(error, "problem", None) or "not valid YAML", "" if mark is None else f"(line {mark.line + 1})")
    sys.exit(1)
"""
"""Reads a file as LiteLLM's proxy does."""
_NOWHERE = "http://127.0.0.1:9"
"""Begins the address of every provider: none is called. LiteLLM takes two deployments that differ in nothing for one."""


def hosted(chain: Chain) -> Host:
    """Return how LiteLLM's proxy hosts a chain of that driver; its environment is built if it has one.

    Raises:
        UsageError: It cannot, or it is not installed.
    """
    return host(settled(chain))


async def trial(tried: Host, raw: bytes, *, ready_s: float = READY_S) -> None:
    """Start the proxy, wait for its health, and end it.

    Args:
        tried: From `hosted`.
        raw: The file, which the proxy's own YAML library must be able to read: it does not take all that ours does.
        ready_s: How long it may take.

    Raises:
        HarnessError: It does not come up, with its last output in the hint, without secrets; or it comes up without a
            deployment of the configuration.
    """
    assert tried.part is not None
    addresses = {name: f"{_NOWHERE}/{number}" for number, name in enumerate(tried.chain.providers)}
    served: Counter[str] | None = None
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        log = Path(folder) / "proxy.log"
        env = tried.environ(child_environment(tried.variables))
        try:
            await _check_readable(tried.part[0], raw, env)
            async with OwnedProcess(_NAME, tried.part, log=log, env=env, part=True) as child:
                target = await child.ready(tried.start_message(None, addresses, seed=0), LoadTarget, timeout_s=ready_s)
                served = await _served(target)
        except HarnessError as error:
            if served is None:  # else it is about how the proxy ended, which does not matter
                hidden = secrets(tried.chain, os.environ)
                error.hide(lambda text: scrub(_plain(text).replace(f", from {log}", ""), hidden))
                raise
    groups = (
        each.group for each in deployments(tried.chain) if "*" not in each.group
    )  # LiteLLM makes several of those
    if lacking := Counter(groups) - (served or Counter()):
        names = ", ".join(f"{name} ({count} of them)" if count > 1 else name for name, count in lacking.items())
        hint = "LiteLLM leaves a deployment out that has a parameter it cannot read, and starts without a word"
        raise HarnessError(f"comes up, but without deployments of the file: {names}", where=_NAME, hint=hint)


async def _check_readable(python: str, raw: bytes, environ: Mapping[str, str]) -> None:
    """Raise a HarnessError if the YAML library of an interpreter cannot read a file; the reason has nothing of its content."""
    process = await asyncio.create_subprocess_exec(python, "-P", "-c", _READ, stdin=PIPE, stdout=PIPE, env=environ)
    try:
        out, _err = await asyncio.wait_for(process.communicate(raw), READY_S)
    except TimeoutError:
        raise HarnessError(f"did not read the file within {READY_S:g} s", where=_NAME) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise HarnessError(f"cannot read the file: {out.decode(errors='replace').strip()}", where=_NAME)


async def _served(target: LoadTarget) -> Counter[str]:
    """Return how many deployments the proxy has, by their `model_name`.

    Raises:
        HarnessError: It does not list them.
    """
    timeout = aiohttp.ClientTimeout(total=_LIST_S)
    try:
        async with (
            aiohttp.ClientSession(headers=target.headers, timeout=timeout, trust_env=False) as session,
            session.get(f"{target.base_url}/model/info") as answer,
        ):
            answer.raise_for_status()
            return Counter(each["model_name"] for each in (await answer.json())["data"])
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, LookupError) as error:
        raise HarnessError(f"does not list its deployments: {type(error).__name__}", where=_NAME) from None


def _plain(text: str) -> str:
    """Return a text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
