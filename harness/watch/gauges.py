"""What is measured rather than counted: the same for a run that goes on and for a finished one."""

from __future__ import annotations

from typing import get_args

from harness.history.records import HealthRecord, ProviderCondition, ProviderState
from harness.scenario import Plan
from harness.watch import instruments as names
from harness.watch.counts import Counts

CONDITIONS: tuple[ProviderCondition, ...] = get_args(ProviderCondition)


def unbroken(plan: Plan, counts: Counts) -> None:
    """Set every provider's breaker to closed, where the chain reports what becomes of it: that with a policy of ours."""
    if plan.chain.policy is not None:
        for provider in plan.chain.providers:
            _state(provider, "closed", counts)


def changed(change: ProviderState, counts: Counts) -> None:
    """Set a provider's breaker to what the chain has reported."""
    _state(change.provider, change.state, counts)


def _state(provider: str, state: ProviderCondition, counts: Counts) -> None:
    for each in CONDITIONS:
        counts.set(names.PROVIDER_STATE, provider, each, value=float(each == state))


def faults(plan: Plan, now_ns: int | None, counts: Counts) -> None:
    """Set which faults are planned to act.

    Args:
        plan: The run's.
        now_ns: Since its origin; None before it and after the run's end.
        counts: Receives it.
    """
    for window in plan.timeline.windows:
        acts = now_ns is not None and window.start_ns <= now_ns < window.end_ns
        counts.set(names.FAULT_ACTIVE, window.provider, window.fault_id, window.inject.kind, value=float(acts))


def health(record: HealthRecord, unix_ns: int | None, counts: Counts) -> None:
    """Set how a process does.

    Args:
        record: Its last one.
        unix_ns: The Unix time at which the clock of the record's times was 0; None where it is unknown.
        counts: Receives it.
    """
    process = record.process
    counts.set(names.LOOP_LAG, process, value=record.loop_lag_ns / 1e9)
    if record.cpu_ns:  # of a program that is not ours it is unknown
        counts.set(names.PROCESS_CPU, process, value=record.cpu_ns / 1e9)
    if record.resident_bytes is not None:
        counts.set(names.PROCESS_RESIDENT, process, value=record.resident_bytes)
    if record.buffered_rows is not None:
        counts.set(names.CAPTURE_ROWS, process, value=record.buffered_rows)
    if record.unflushed_bytes is not None:
        counts.set(names.CAPTURE_BYTES, process, value=record.unflushed_bytes)
    if record.flush_ns is not None:
        counts.set(names.CAPTURE_FLUSH, process, value=record.flush_ns / 1e9)
    if record.flushed_ns is not None and unix_ns is not None:
        counts.set(names.CAPTURE_WRITTEN, process, value=(record.flushed_ns + unix_ns) / 1e9)
