"""What real providers may be asked for in one run."""

from __future__ import annotations

from collections.abc import Callable


class CallBudget:
    """Counts the calls to all real providers and their cost, and says stop.

    What is under way when the limit is reached comes to its end.
    """

    def __init__(
        self,
        *,
        requests: int | None = None,
        usd: float | None = None,
        reached: Callable[[str], None] = lambda _why: None,
    ) -> None:
        """Get ready.

        Args:
            requests: The most calls; None for no limit.
            usd: The most that they may cost, in USD; None for no limit.
            reached: Told once, in a sentence, that a call was not made.
        """
        self._requests = requests
        self._usd = usd
        self._reached = reached
        self._made = 0
        self._spent_usd = 0.0
        self._told = False

    def take(self) -> bool:
        """Return whether one more call may be made, and count it if so."""
        why = self._why_not()
        if why is None:
            self._made += 1
            return True
        if not self._told:
            self._told = True
            self._reached(why)
        return False

    def spend(self, usd: float) -> None:
        """Count what a call has cost, in USD."""
        self._spent_usd += usd

    def _why_not(self) -> str | None:
        if self._requests is not None and self._made >= self._requests:
            return f"max_requests is reached: {self._made} calls to real providers"
        if self._usd is not None and self._spent_usd >= self._usd:
            return f"max_cost is reached: ${self._spent_usd:.4g} for {self._made} calls to real providers"
        return None
