"""Every metric that a scrape returns: one table, from which `/metrics`, `metrics.prom` and the page of docs follow.

Names obey Prometheus' rules: base units, and `_total` for what only grows. They are a contract with dashboards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RUN_LABELS = ("scenario", "chain")
"""Every metric of a run has these too; `harness serve` has no scenario."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instrument:
    """One metric.

    Attributes:
        name: As it is scraped.
        kind: Its type for Prometheus.
        meaning: In a sentence.
        labels: Their names, beside `RUN_LABELS`.
        buckets: The upper bounds of a histogram, in seconds; without the last one, which is infinite.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


REQUESTS = Instrument(
    name="harness_requests_total",
    kind="counter",
    meaning=(
        "Requests that have ended, by how: ok (the complete answer arrived), incomplete (the caller took an answer that is not "
        "complete), truncated, error, deadline, dropped; served_by is empty where no provider's answer arrived."
    ),
    labels=("outcome", "served_by", "kind"),
)
REQUEST_DURATION = Instrument(
    name="harness_request_duration_seconds",
    kind="histogram",
    meaning="From the planned start of a request to its end; at least the deadline for a caller who gave up.",
    buckets=_SECONDS,
)
DISPATCH_LAG = Instrument(
    name="harness_dispatch_lag_seconds",
    kind="histogram",
    meaning="How much later than planned a request was sent.",
    buckets=_LAG_SECONDS,
)
ATTEMPTS = Instrument(
    name="harness_attempts_total",
    kind="counter",
    meaning="Attempts that have ended, by provider, outcome and HTTP status; status is empty where none arrived.",
    labels=("provider", "outcome", "status"),
)
ATTEMPT_DURATION = Instrument(
    name="harness_attempt_duration_seconds",
    kind="histogram",
    meaning="From the start of an attempt to its end.",
    labels=("provider",),
    buckets=_SECONDS,
)
RETRIES = Instrument(
    name="harness_retries_total",
    kind="counter",
    meaning="Attempts after a failed attempt of the same request at the same provider.",
    labels=("provider",),
)
FALLBACKS = Instrument(
    name="harness_fallbacks_total",
    kind="counter",
    meaning=(
        "Steps of a request from one provider to another, by what triggered them: the class of the failure, or skipped, hedge "
        "or answered. Counted when the request has ended."
    ),
    labels=("from", "to", "trigger"),
)
TOKENS = Instrument(
    name="harness_tokens_total",
    kind="counter",
    meaning="Tokens billed for attempts: direction is in (prompt) or out (completion).",
    labels=("provider", "direction"),
)
COST = Instrument(
    name="harness_cost_usd_total",
    kind="counter",
    meaning="Cost of attempts, in US dollars.",
    labels=("provider",),
)
PROVIDER_STATE = Instrument(
    name="harness_provider_state",
    kind="gauge",
    meaning="1 for the state of the chain's circuit breaker for a provider, else 0. Only chains of the driver `reference` report it; without a breaker it stays closed.",
    labels=("provider", "state"),
)
FAULT_ACTIVE = Instrument(
    name="harness_fault_active",
    kind="gauge",
    meaning="1 while a fault of the scenario is planned to act on a provider, else 0.",
    labels=("provider", "fault", "kind"),
)
CAPTURE_ROWS = Instrument(
    name="harness_capture_buffered_rows",
    kind="gauge",
    meaning="Rows of a process that wait to be written.",
    labels=("process",),
)
CAPTURE_BYTES = Instrument(
    name="harness_capture_unflushed_bytes",
    kind="gauge",
    meaning="Bytes that a process has begun to write and that the system has not taken yet.",
    labels=("process",),
)
CAPTURE_FLUSH = Instrument(
    name="harness_capture_last_flush_seconds",
    kind="gauge",
    meaning="How long the last write of a process took.",
    labels=("process",),
)
CAPTURE_WRITTEN = Instrument(
    name="harness_capture_last_write_timestamp_seconds",
    kind="gauge",
    meaning="When the last write of a process ended, as Unix time.",
    labels=("process",),
)
LOOP_LAG = Instrument(
    name="harness_process_loop_lag_seconds",
    kind="gauge",
    meaning="How late the event loop of a process woke up, at worst in the last 100 ms.",
    labels=("process",),
)
PROCESS_CPU = Instrument(
    name="harness_process_cpu_seconds_total",
    kind="counter",
    meaning="CPU time of a process.",
    labels=("process",),
)
PROCESS_RESIDENT = Instrument(
    name="harness_process_resident_bytes",
    kind="gauge",
    meaning="Memory of a process that is not swapped out; of a gateway that of its largest process.",
    labels=("process",),
)

INSTRUMENTS: tuple[Instrument, ...] = tuple(value for value in globals().values() if isinstance(value, Instrument))
"""All of them, in the order of this file."""
