"""An event loop whose timers are on time.

`epoll` takes whole milliseconds, so asyncio's timers come up to one late: as much as a fast provider needs for an answer.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import sys

if sys.platform == "linux":

    class _FineSelector(selectors.EpollSelector):
        """Waits by `select`, which takes microseconds, for the one descriptor of epoll."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if timeout is None or timeout <= 0:
                return super().select(timeout)
            ready = super().select(0)
            if not ready:
                select.select([self.fileno()], (), (), timeout)
                ready = super().select(0)
            return ready

    class FineLoops(asyncio.DefaultEventLoopPolicy):
        """Makes event loops with fine timers."""

        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            """Return one."""
            return asyncio.SelectorEventLoop(_FineSelector())

else:
    FineLoops = asyncio.DefaultEventLoopPolicy  # the other systems' selectors are fine already
