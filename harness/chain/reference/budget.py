"""A retry budget: retries are a share of requests, so that an outage does not multiply the load."""

from __future__ import annotations

from harness.chain.policy import BudgetSpec

_WHOLE = 10**9
"""One retry. Counted in whole numbers: ten times a tenth is then exactly one."""


class RetryBudget:
    """The retries and hedges that the chain may still make, over all its requests.

    Every request adds its share of one, every retry takes one. The floor is what a chain without traffic may spend;
    no more than ten times as much is ever saved up.
    """

    __slots__ = ("_left", "_most", "_share")

    def __init__(self, spec: BudgetSpec) -> None:
        self._share = round(spec.share * _WHOLE)
        self._left = spec.floor * _WHOLE
        self._most = 10 * self._left

    def request(self) -> None:
        """Add a request's share."""
        self._left = min(self._most, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry, if there is one left."""
        if self._left < _WHOLE:
            return False
        self._left -= _WHOLE
        return True
