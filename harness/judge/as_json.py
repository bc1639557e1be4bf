"""Metrics and verdict as plain data for other programs; NaN and infinity are null."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from harness.judge.result import Metrics, Value, Verdict


def metrics_json(metrics: Metrics) -> dict[str, Any]:
    """Return `metrics.json`: `phases`, `providers` and `harness`, each number as value, ci, samples and unit.

    Where there are several kinds of request, `kinds` has the phases of each.
    """
    kinds = {kind: _phases(phases) for kind, phases in metrics.kinds.items()}
    return {
        "phases": _phases(metrics.phases),
        **({"kinds": kinds} if kinds else {}),
        "providers": {provider: _values(values) for provider, values in metrics.providers.items()},
        "harness": _values(metrics.harness),
    }


def metrics_of(data: Mapping[str, Any]) -> Metrics:
    """Return what `metrics_json` was made from; a bound that was null is infinite again.

    Raises:
        KeyError, TypeError, ValueError: It is something else.
    """
    return Metrics(
        phases=_read_phases(data["phases"]),
        kinds={kind: _read_phases(phases) for kind, phases in data.get("kinds", {}).items()},
        providers={provider: _read(values) for provider, values in data["providers"].items()},
        harness=_read(data["harness"]),
    )


def _read_phases(phases: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    return {phase: _read(values) for phase, values in phases.items()}


def _read(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Value]:
    return {
        name: Value(
            # What never came is infinite; what could not be observed has no samples.
            value=math.inf if row["value"] is None and row["samples"] else row["value"],
            ci=None if row["ci"] is None else _ends(*row["ci"]),
            samples=row["samples"],
            unit=row["unit"],
            why=row.get("why", ""),
        )
        for name, row in values.items()
    }


def _ends(low: float | None, high: float | None) -> tuple[float, float]:
    return -math.inf if low is None else low, math.inf if high is None else high


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return `verdict.json`."""
    plain = _plain(dataclasses.asdict(verdict))
    assert isinstance(plain, dict)
    return plain


def _phases(phases: Mapping[str, dict[str, Value]]) -> dict[str, Any]:
    return {phase: _values(values) for phase, values in phases.items()}


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
