"""The grammar of expectations, and the words it knows.

[STATISTIC] METRIC [in PHASE] (>= | > | <= | <) VALUE       success_rate in fault >= 99%
no FINDING                                                  no retry_storm
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pydantic_core import PydanticCustomError

from harness.document import did_you_mean, duration_ns, field_error, rate_per_s, share

Unit = Literal["share", "ns", "ratio", "count", "per_s", "usd"]
Kind = Literal["rate", "distribution", "single", "mean", "frequency", "count"]
Op = Literal[">=", ">", "<=", "<"]
Severity = Literal["required", "advisory", "run"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that an expectation can name.

    Attributes:
        unit: Of its value. Times are nanoseconds.
        kind: A `rate` has a Wilson interval, a `distribution` is asked for by quantile or by its largest observation, a
            `single` is one observation of a run, a `mean` is a mean per request, a `frequency` is a count per second with a
            Poisson interval, a `count` is a plain number.
        about_time: A machine out of CPU can change it.
    """

    unit: Unit
    kind: Kind
    about_time: bool = False


METRICS: dict[str, Metric] = {
    "success_rate": Metric("share", "rate"),
    "failed_requests": Metric("count", "count"),
    "goodput": Metric("per_s", "frequency"),
    "latency": Metric("ns", "distribution", about_time=True),
    "ttft": Metric("ns", "distribution", about_time=True),
    "retry_gap": Metric("ns", "distribution", about_time=True),
    "switch_gap": Metric("ns", "distribution", about_time=True),
    "fallback_overhead": Metric("ns", "distribution", about_time=True),
    "success_after_fallback": Metric("share", "rate"),
    "attempts": Metric("count", "distribution"),
    "amplification": Metric("ratio", "mean"),
    "retry_after_honoured": Metric("share", "rate"),
    "time_to_fallback": Metric("ns", "single", about_time=True),
    "time_to_recover": Metric("ns", "single", about_time=True),
    "primary_attempts_in_outage": Metric("ratio", "mean"),
    "primary_skipped": Metric("count", "count"),
    "exposed": Metric("count", "count"),
    "outlived": Metric("count", "count"),
    "wasted_tokens": Metric("count", "count"),
    "cost": Metric("usd", "count"),
    "zombie_attempts": Metric("count", "count"),
}

FINDINGS: dict[str, Severity] = {
    "retry_after_ignored": "required",
    "non_retryable_retried": "required",
    "quota_retried": "required",
    "no_backoff": "required",
    "lockstep_retries": "required",
    "retry_storm": "required",
    "truncated_as_success": "required",
    "duplicated_content": "required",
    "answer_of_another": "required",
    "answer_of_nobody": "required",
    "error_swallowed": "required",
    "failed_unasked": "required",
    "hang": "required",
    "wrong_order": "required",
    "fallback_never_fired": "required",
    "stuck_on_fallback": "required",
    "zombie_attempts": "required",
    "late_fallback": "advisory",
    "fault_never_fired": "run",
}

QUANTILES: dict[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
MAX = "max"
"""The largest observation: no estimate from a sample, but all that there was, so without an interval."""
STATISTICS = (*QUANTILES, MAX)
"""What a distribution can be asked for."""

_LIMIT = re.compile(
    r"(?:(?P<statistic>[a-z][a-z\d.]*)\s+)?(?P<metric>[a-z_]+)(?:\s+in\s+(?P<phase>\S+))?"
    r"\s*(?P<op>>=|<=|>|<)\s*(?P<target>\S.*)"
)
_NONE = re.compile(r"no\s+(?P<finding>[a-z_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One line of `expect`.

    Attributes:
        text: As it was written.
        finding: The finding that must not be seen; the other fields are None then.
        metric: Name of the metric.
        quantile: `p50` … `p99.9` or `max` of a distribution; `peak` of amplification; else None.
        phase: Only requests of this phase; the whole run if None.
        op: How the metric must compare with the target.
        target: In the metric's unit.
    """

    text: str
    finding: str | None = None
    metric: str | None = None
    quantile: str | None = None
    phase: str | None = None
    op: Op | None = None
    target: float | None = None


def parse(text: str, phases: Collection[str]) -> Expectation:
    """Return an expectation.

    Raises:
        PydanticCustomError: The line does not follow the grammar; with what is known, and a hint.
    """
    if match := _NONE.fullmatch(text.strip()):
        name = match["finding"]
        if name not in FINDINGS or FINDINGS[name] == "run":
            known = [known for known, severity in FINDINGS.items() if severity != "run"]
            raise field_error(f"unknown finding {name!r}", known=", ".join(known), hint=did_you_mean(name, known))
        return Expectation(text=text, finding=name)
    match = _LIMIT.fullmatch(text.strip())
    if match is None:
        raise field_error(
            f"not an expectation: {text[:60]!r}",
            known="METRIC in PHASE >= VALUE, p95 METRIC in PHASE < VALUE, max METRIC in PHASE < VALUE, no FINDING",
            hint="success_rate in fault >= 99%",
        )
    name, statistic, phase = match["metric"], match["statistic"], match["phase"]
    if name not in METRICS:
        raise field_error(f"unknown metric {name!r}", known=", ".join(METRICS), hint=did_you_mean(name, METRICS))
    if phase is not None and phase not in phases:
        raise field_error(f"unknown phase {phase!r}", known=", ".join(phases), hint=did_you_mean(phase, phases))
    _check_statistic(name, statistic)
    op: Op = match["op"]  # type: ignore[assignment]
    target = _target(METRICS[name].unit, match["target"].strip())
    return Expectation(text=text, metric=name, quantile=statistic, phase=phase, op=op, target=target)


def _check_statistic(name: str, statistic: str | None) -> None:
    if METRICS[name].kind == "distribution":
        if statistic not in STATISTICS:
            known, usual = ", ".join(STATISTICS), f"{MAX if name == 'attempts' else 'p95'} {name}"
            if statistic is None:
                raise field_error(f"{name!r} needs a quantile or {MAX!r}", known=known, hint=usual)
            hint = did_you_mean(statistic, STATISTICS) or usual
            raise field_error(f"unknown statistic {statistic!r}", known=known, hint=hint)
    elif statistic is not None and (statistic, name) != ("peak", "amplification"):
        raise field_error(f"{statistic!r} does not go with {name!r}", hint=f"write {name} alone")


def _target(unit: Unit, text: str) -> float:
    try:
        if unit == "share":
            return share(text)
        if unit == "ns":
            return float(duration_ns(text))
        if unit == "per_s" and "/" in text:
            return rate_per_s(text)
    except PydanticCustomError as error:
        context = error.context or {}
        raise field_error(f"{error.message()}, found {text[:40]!r}", **context) from None
    if not re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text):
        raise field_error(f"expected a number, found {text[:40]!r}")
    return float(text)
