"""How much real providers may be called in one run."""

from __future__ import annotations

from collections.abc import Callable

from harness.quantities import amount


class CallBudget:
    """Counts the calls to all real providers and their cost, and allows no more when a limit is reached.

    Calls in progress are completed.
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
            reached: Called once, with a sentence, when a call is not made.
        """
        self._requests = requests
        self._usd = usd
        self._reached = reached
        self._made = 0
        self._spent_usd = 0.0
        self._reported = False

    def take(self) -> bool:
        """Return whether one more call may be made, and count it if so."""
        why = self._why_not()
        if why is None:
            self._made += 1
            return True
        if not self._reported:
            self._reported = True
            self._reached(why)
        return False

    def spend(self, usd: float) -> None:
        """Count what a call has cost, in USD."""
        self._spent_usd += usd

    def _why_not(self) -> str | None:
        if self._requests is not None and self._made >= self._requests:
            return f"max_requests is reached: {self._made} calls to real providers"
        if self._usd is not None and self._spent_usd >= self._usd:
            return f"max_cost is reached: {amount(self._spent_usd, 'usd')} for {self._made} calls to real providers"
        return None
