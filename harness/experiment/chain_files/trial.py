"""Try a configuration on LiteLLM's own proxy, as `driver: litellm-proxy` hosts it, before it is put in place."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from harness.chain import Chain
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
_NOWHERE = "http://127.0.0.1:9"
"""The address of every provider: none is called."""


def hosted(chain: Chain) -> Host:
    """Return how LiteLLM's proxy hosts a chain of that driver; its environment is built if it has one.

    Raises:
        UsageError: It cannot, or it is not installed.
    """
    return host(settled(chain))


async def trial(tried: Host, *, ready_s: float = READY_S) -> None:
    """Start the proxy, wait for its health, and end it.

    Args:
        tried: From `hosted`.
        ready_s: How long it may take.

    Raises:
        HarnessError: It does not come up; its last output is in the hint, without secrets.
    """
    assert tried.part is not None
    healthy = False
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        log = Path(folder) / "proxy.log"
        env = tried.environ(child_environment(tried.variables))
        try:
            async with OwnedProcess("LiteLLM's proxy", tried.part, log=log, env=env, part=True) as child:
                message = tried.start_message(None, dict.fromkeys(tried.chain.providers, _NOWHERE), seed=0)
                await child.ready(message, LoadTarget, timeout_s=ready_s)
                healthy = True
        except HarnessError as error:
            if healthy:  # how it ended does not matter
                return
            hidden = secrets(tried.chain, os.environ)
            error.hide(lambda text: scrub(_plain(text).replace(f", from {log}", ""), hidden))
            raise


def _plain(text: str) -> str:
    """Return a text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
