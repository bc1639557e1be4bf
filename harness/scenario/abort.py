"""When a run is aborted: what a scenario says, and the watch over the requests that decides it.

Both engines feed the watch, and the chain's own interpreter does in simulated runs: it needs the standard library alone.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_right, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.document.marks import STRICT
from harness.history.records import WARMUP, RequestRecord
from harness.quantities import amount, duration
from harness.scenario.expectation import Expectation

REQUESTS_MIN = 10
"""Fewer requests decide nothing, so that a single failure aborts no run."""
_KEEPS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortText:
    """When a run is aborted, as people write it: `when` alone, or with the verdict.

    Attributes:
        when: The condition and how long it must have held: `success_rate < 50% for 5s`.
        verdict: What an aborted run comes to.
    """

    __pydantic_config__ = STRICT

    when: str
    verdict: Literal["inconclusive", "fail"] = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """When a run is aborted.

    Attributes:
        text: As it was written.
        limit: Of `success_rate`, `latency` or `ttft`, over the requests that ended within the window.
        window_ns: Length of the window, in nanoseconds; it slides with the requests.
        verdict: What an aborted run comes to.
    """

    text: str
    limit: Expectation
    window_ns: int
    verdict: Literal["inconclusive", "fail"] = "inconclusive"


class AbortWatch:
    """Looks at requests as they end, in about that order, and finds out when a run is to be aborted.

    Args:
        abort: When that is.
        origin_ns: The run's origin on the clock of the requests.
    """

    def __init__(self, abort: Abort, *, origin_ns: int = 0) -> None:
        self._abort = abort
        self._origin_ns = origin_ns
        self._ended: list[tuple[int, float]] = []

    def add(self, request: RequestRecord) -> str | None:
        """Take a request; return what was measured if the run is to be aborted now, in a few words."""
        value = self._value(request)
        if value is None or request.end_ns is None:
            return None
        insort(self._ended, (request.end_ns, value))
        from_ns = self._ended[-1][0] - self._abort.window_ns
        del self._ended[: bisect_right(self._ended, from_ns, key=lambda each: each[0])]
        if from_ns < self._origin_ns or len(self._ended) < REQUESTS_MIN:
            return None
        limit, found = self._abort.limit, self._measured([each for _, each in self._ended])
        if not _KEEPS[limit.op or "<"](found, limit.target or 0.0):
            return None
        name = f"{limit.quantile} {limit.metric}" if limit.quantile else f"{limit.metric}"
        unit: Literal["share", "ns"] = "share" if limit.metric == "success_rate" else "ns"
        return (
            f"{name} was {amount(found, unit, limit=limit.target)} of the {len(self._ended)} requests that had ended in the last "
            f"{duration(self._abort.window_ns)}"
        )

    def _value(self, request: RequestRecord) -> float | None:
        """Return what a request adds to the metric; None if the condition is not about it."""
        limit = self._abort.limit
        if request.outcome == "dropped" or request.phase == WARMUP:
            return None
        if limit.kind not in (None, request.kind) or limit.phase not in (None, request.phase):
            return None
        if limit.metric == "success_rate":
            return float(request.outcome == "ok")
        if limit.metric == "ttft":
            if not request.streaming:
                return None
            return math.inf if request.first_token_ns is None else request.first_token_ns - request.scheduled_ns
        return None if request.end_ns is None else request.end_ns - request.scheduled_ns

    def _measured(self, values: list[float]) -> float:
        quantile = self._abort.limit.quantile
        if quantile is None:
            return sum(values) / len(values)
        values.sort()
        share = 1.0 if quantile == "max" else float(quantile[1:]) / 100
        return values[max(0, math.ceil(share * len(values)) - 1)]
