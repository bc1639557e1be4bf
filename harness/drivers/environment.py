"""What a chain is hosted in: the machine's own sockets and clock, or virtual ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from harness.drivers.reference.wire import ReferenceWire


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEnvironment:
    """What a chain is hosted in.

    Attributes:
        clock_ns: Its clock, of which the event loop's is one, in nanoseconds.
        wire: Sends the requests of a chain that uses no client library; over sockets if None.
        seed: Fixes the reference chain's random draws.
        importing: Entered while the chain's own modules are imported, where that is a part of hosting it.
    """

    clock_ns: Callable[[], int] = time.monotonic_ns
    wire: ReferenceWire | None = None
    seed: int = 0
    importing: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def live(self) -> bool:
        """Whether it is the machine's own."""
        return self.wire is None


LIVE = HostEnvironment()
"""The machine's own sockets and clock."""
