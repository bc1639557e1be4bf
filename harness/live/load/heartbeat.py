"""Whether the other side is still there."""

from __future__ import annotations

HEARTBEAT_S = 0.5
"""How often the master and each worker send a sign of life. Locust's own heartbeat notices a frozen worker only after seconds, and
takes it back in silence; its arrivals would be late, and nobody would know why."""
TICK_S = 0.1
"""How often each side looks for how long the other has been silent."""
LOST_S = 2.5
"""A worker that was silent for so long while it should send requests is lost: one that froze for 3 s always was."""
SETTING_UP_S = 30.0
"""The same before the clock begins and once all requests have ended: a long plan takes a while to read, and no request waits."""
MASTER_LOST_S = 5.0
"""A worker ends by itself when its master was silent for so long; a little longer, so that it is the master who says what happened."""


class Silence:
    """For how long another process was silent, by our own clock ticks.

    Time in which we were stopped ourselves counts for one tick only: what the other sent meanwhile is still to be read.
    """

    def __init__(self) -> None:
        self.lasts_s = 0.0

    def end(self) -> None:
        """Something was heard."""
        self.lasts_s = 0.0

    def tick(self, elapsed_s: float) -> None:
        """Count the time since the tick before."""
        self.lasts_s += min(elapsed_s, 2 * TICK_S)
