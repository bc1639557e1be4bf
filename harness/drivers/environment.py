"""What a chain is hosted in: the machine's own sockets and clock, or virtual ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import httpx

from harness.drivers.reference.wire import ReferenceWire

ErrorStyle = Literal["httpx", "aiohttp"]
"""Whose errors a chain gets in a live run: those of httpx's own transport, or of aiohttp through LiteLLM's transport."""


def _sockets(_manner: ErrorStyle) -> None:
    """Leave it to the chain to make its transports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEnvironment:
    """What a chain is hosted in.

    Attributes:
        clock_ns: Its clock, of which the event loop's is one, in nanoseconds.
        transport: Makes the transport of a client library; None leaves that to the library.
        wire: Sends the requests of a chain that uses no client library; over sockets if None.
        seed: Fixes the reference chain's random draws.
    """

    clock_ns: Callable[[], int] = time.monotonic_ns
    transport: Callable[[ErrorStyle], httpx.AsyncBaseTransport | None] = _sockets
    wire: ReferenceWire | None = None
    seed: int = 0

    @property
    def live(self) -> bool:
        """Whether it is the machine's own."""
        return self.wire is None


LIVE = HostEnvironment()
"""The machine's own sockets and clock."""
