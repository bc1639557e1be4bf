"""A gateway that the harness does not host: what to start, when it is ready, what to send it.

Plain helpers: the process itself belongs to the live engine.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from harness.chain.spec import PLACEHOLDER
from harness.errors import HarnessError, UsageError

READY_S = 30.0

_POLL_S = 0.05
_TRY_S = 1.0


def fill(command: Sequence[str], base_urls: Mapping[str, str]) -> tuple[str, ...]:
    """Return a command with `{NAME.base_url}` replaced by that provider's address; all other braces stay.

    Args:
        command: The arguments as written.
        base_urls: By provider's name.

    Raises:
        UsageError: A name that no provider has.
    """

    def address(match: re.Match[str]) -> str:
        name = match[1]
        if name not in base_urls:
            raise UsageError(
                f"unknown provider {name!r} in {match[0]!r}", where="endpoint.command", known=", ".join(base_urls)
            )
        return base_urls[name]

    return tuple(PLACEHOLDER.sub(address, argument) for argument in command)


async def wait_ready(
    base_url: str, *, ended: Callable[[], str | None] = lambda: None, timeout_s: float = READY_S
) -> None:
    """Return once the port of `base_url` accepts a connection. Nothing is sent.

    Args:
        base_url: The gateway's.
        ended: Returns the process's last output once it has ended, before that None.
        timeout_s: How long to wait, in seconds.

    Raises:
        HarnessError: It never did, or the process ended before.
    """
    host, port = _port_of(base_url)
    deadline = time.monotonic() + timeout_s
    while True:
        # Asked first: on a taken port the process dies while a stranger answers.
        output = ended()
        if output is not None:
            raise HarnessError("the gateway ended before it was ready", where="chain", hint=_last(output))
        try:
            async with asyncio.timeout(_TRY_S):
                _reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            if time.monotonic() >= deadline:
                problem = f"nothing accepts a connection at {host}:{port} after {timeout_s:g} s"
                raise HarnessError(problem, where="chain", hint="is endpoint.base_url its address?") from None
            await asyncio.sleep(_POLL_S)
            continue
        writer.close()
        return


def _port_of(base_url: str) -> tuple[str, int]:
    parts = urlsplit(base_url)
    try:
        port = parts.port
    except ValueError:
        port = None
        if parts.netloc.rpartition(":")[2]:
            raise UsageError("expected a port from 1 to 65535", where="endpoint.base_url") from None
    return parts.hostname or "", port or (443 if parts.scheme == "https" else 80)


def _last(output: str) -> str | None:
    lines = output.strip().splitlines()[-10:]
    return "its last output:\n" + "\n".join(lines) if lines else "it wrote nothing"
