"""The chain host of a live run: `python -m harness.drivers.reference`, a part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness import part
from harness.drivers.reference.host import enter
from harness.drivers.server import serving

new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
try:
    import uvloop

    new_loop = uvloop.new_event_loop
except ImportError:  # there is none for Windows, and the loop that Python brings will do
    pass

if __name__ == "__main__":
    part.main("chain", serving(enter), loop_factory=new_loop)
