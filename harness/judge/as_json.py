"""Metrics and verdict as the plain data that other programs read; NaN and infinity are null."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from harness.judge.result import Metrics, Value, Verdict

FORMAT = 1


def metrics_json(metrics: Metrics) -> dict[str, Any]:
    """Return `metrics.json`: `phases`, `providers` and `harness`, each number as value, ci, samples and unit."""
    return {
        "format": FORMAT,
        "phases": {phase: _values(values) for phase, values in metrics.phases.items()},
        "providers": {provider: _values(values) for provider, values in metrics.providers.items()},
        "harness": _values(metrics.harness),
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return `verdict.json`."""
    plain = _plain(dataclasses.asdict(verdict))
    assert isinstance(plain, dict)
    return {"format": FORMAT, **plain}


def _values(values: dict[str, Value]) -> dict[str, dict[str, Any]]:
    rows = {}
    for name, value in values.items():
        row = {"value": value.value, "ci": value.ci, "samples": value.samples, "unit": value.unit}
        rows[name] = _plain(row | {"why": value.why} if value.why else row)
    return rows


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _plain(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return str(data) if isinstance(data, str) else data
