"""The chain host of a live run: `python -m harness.drivers.reference`, a part."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple, Unpack

import uvloop

from harness import part
from harness.drivers.reference.host import enter
from harness.drivers.server import serving
from harness.messages import ChainStart

A = TypeVarTuple("A")


class PunctualLoop(uvloop.Loop):
    """uvloop, without timers that end early.

    uvloop counts in whole milliseconds, and may round down. An attempt that is cut off just before the
    request's deadline would be followed by one at the next provider.
    """

    def time(self) -> float:
        """Return the time in seconds: uvloop's own is up to 1 ms behind, and so was what a caller adds a wait to."""
        return time.monotonic()

    def call_later(
        self, delay: float, callback: Callable[[Unpack[A]], object], *args: *A, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back after so many seconds, or up to 2 ms later; `call_at` comes here too."""
        late = (math.ceil(delay * 1000) + 1) / 1000 if 0 < delay < math.inf else delay
        return super().call_later(late, callback, *args, context=context)


if __name__ == "__main__":
    part.main("chain", ChainStart, serving(enter), loop_factory=PunctualLoop)
