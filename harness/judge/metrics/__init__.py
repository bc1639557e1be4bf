"""The numbers of a run, one declaration each. Importing them is light: what measures is given its tables."""

from __future__ import annotations

from collections.abc import Mapping

from harness.judge.metrics.declaration import Argument, Metric
from harness.judge.metrics.kinds import MAX, QUANTILES, STATISTICS, Measured
from harness.judge.metrics.scope import Scope
from harness.registry import Registry

METRICS: Mapping[str, Metric] = Registry(
    "metrics", package="harness.judge.metrics", shape=Metric, name_of=lambda metric: metric.name
).own
"""By name. All of them are ours."""

RUN = "run"
"""Name of the whole run among the phases."""


def key(metric: str, statistic: str | None, argument: str | None = None) -> str:
    """Return the name of a number in metrics.json: `latency_p95`, `amplification_peak`, `fallbacks(429)`, `retry_gap(2)_p50`."""
    asked = metric if argument is None else f"{metric}({argument})"
    return f"{asked}_{statistic}" if statistic else asked


def asked_for(metric: str, statistic: str | None) -> Metric:
    """Return what an expectation on a metric, or on a statistic of it, is about: `peak` amplification is a metric itself.

    Raises:
        KeyError: There is no such metric.
    """
    return METRICS.get(key(metric, statistic)) or METRICS[metric]


__all__ = [
    "MAX",
    "METRICS",
    "QUANTILES",
    "RUN",
    "STATISTICS",
    "Argument",
    "Measured",
    "Metric",
    "Scope",
    "asked_for",
    "key",
]
