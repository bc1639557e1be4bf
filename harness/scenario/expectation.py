"""One line of `expect`, as plain data; `judge.grammar` reads it.

[STATISTIC] METRIC[(ARGUMENT)] [of KIND] [in PHASE] (>= | > | <= | <) VALUE     success_rate of chat in fault >= 99%
                                                                                fallbacks(rate_limit) in fault >= 1
no FINDING                                                                      no retry_storm
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Op = Literal[">=", ">", "<=", "<"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One line of `expect`.

    Attributes:
        text: As it was written.
        finding: The finding that must not be shown; the other fields are None then.
        metric: Name of the metric.
        argument: What the metric is asked about, in brackets after its name: `429`; None for all of it.
        quantile: `p50` … `p99.9` or `max` of a distribution; `peak` of amplification; else None.
        kind: Only requests of this kind; of all kinds if None.
        phase: Only requests of this phase; the whole run if None.
        op: How the metric must compare with the target.
        target: In the metric's unit.
    """

    text: str
    finding: str | None = None
    metric: str | None = None
    argument: str | None = None
    quantile: str | None = None
    kind: str | None = None
    phase: str | None = None
    op: Op | None = None
    target: float | None = None
