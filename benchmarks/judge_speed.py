"""How long the judge takes over millions of attempts, beside one plain pass of pandas over the same table.

A quarter as many requests, four attempts each: three 429s at the first provider, then the second one serves.
"""

from __future__ import annotations

import resource
import time
from dataclasses import replace

import numpy as np
import pandas as pd
from rig.result import Row, limited, tell

from harness.chain import Chain, Provider, Retry
from harness.history import (
    AttemptRecord,
    FaultEvent,
    HealthRecord,
    History,
    ProviderState,
    ReadyRecord,
    RequestRecord,
    frame,
)
from harness.judge import RunData, judge, measure
from harness.quantities import S
from harness.scenario import Expectation, Fault, Inject, Load, Plan, Scenario, compile_plan

TRIES = 4
ATTEMPTS = 5_000_000
RATE = 1000.0


def plan(requests: int) -> Plan:
    """Return a plan without arrivals: their number is what the history says."""
    length = int(requests / RATE * S)
    scenario = Scenario(
        name="speed",
        load=Load(rate=1.0, deadline=60 * S),
        phases={"baseline": 10 * S, "fault": length},
        faults=(Fault(on="openai", during="fault", inject=Inject(status=429, retry_after=2 * S)),),
    )
    chain = Chain(
        name="speed",
        driver="litellm-router",
        providers={name: Provider(dialect="openai", model="gpt-4") for name in ("openai", "azure")},
        order=("openai", "azure"),
        retry=Retry(attempts=3),
    )
    limit = Expectation(
        text="p95 fallback_overhead in fault < 9s",
        metric="fallback_overhead",
        quantile="p95",
        phase="fault",
        op="<",
        target=9.0 * S,
    )
    made = compile_plan(scenario, chain, (limit,))
    return replace(made, arrivals=(), load=replace(made.load, rate=RATE))


def history(requests: int) -> History:
    """Return a history of so many requests in the fault phase."""
    rng = np.random.default_rng(1)
    scheduled = 10 * S + np.sort(rng.integers(0, int(requests / RATE * S), requests))
    ids = np.array([f"req-{n:07d}" for n in range(1, requests + 1)], dtype=object)
    gaps = rng.integers(2 * S, 2 * S + 750_000_000, (requests, TRIES - 1))
    starts = np.column_stack([scheduled + 5_000_000, gaps + 1_000_000]).cumsum(axis=1)
    number = np.tile(np.arange(1, TRIES + 1), requests)
    last = number == TRIES
    start = starts.ravel()
    attempt_ids = np.char.add(
        np.repeat(ids.astype(str), TRIES), np.tile([".openai.1", ".openai.2", ".openai.3", ".azure.1"], requests)
    )
    end = start + np.where(last, 150_000_000, 1_000_000)
    attempts = _table(
        AttemptRecord,
        attempt_id=attempt_ids.astype(object),
        request_id=np.repeat(ids, TRIES),
        number=number,
        provider=np.where(last, "azure", "openai").astype(object),
        start_ns=start,
        end_ns=end,
        status=np.where(last, 200, 429),
        outcome=np.where(last, "ok", "status").astype(object),
        fault_id=np.where(last, None, "fault-1"),
        retry_after_ns=pd.array(np.where(last, pd.NA, 2 * S), dtype="Int64"),
        seen_by="both",
    )
    answered = end[last]
    calls = _table(
        RequestRecord,
        request_id=ids,
        phase="fault",
        scheduled_ns=scheduled,
        start_ns=scheduled + 1_000_000,
        first_token_ns=answered,
        end_ns=answered,
        outcome="ok",
        status=200,
        served_by="azure",
        served_attempt=attempt_ids.astype(object)[last],
        complete=True,
    )
    calls["sources"] = list(zip(calls["served_attempt"], strict=True))
    fault = FaultEvent(
        fault_id="fault-1", provider="openai", kind="status", applied_ns=10 * S, reverted_ns=20 * S, fired=requests
    )
    return History(
        plan_digest="",
        requests=calls,
        attempts=attempts.sort_values("start_ns", ignore_index=True),
        faults=frame(FaultEvent, [fault]),
        health=frame(HealthRecord, [HealthRecord(process="edge", at_ns=0, loop_lag_ns=0, cpu_ns=0)]),
        states=frame(ProviderState),
        ready=frame(ReadyRecord),
    )


def _table(record: type, **columns: object) -> pd.DataFrame:
    empty = frame(record)
    size = max(len(column) for column in columns.values() if isinstance(column, np.ndarray))
    filled = {
        name: pd.Series(columns.get(name, _blank(record, name)), index=range(size), dtype=empty[name].dtype)
        for name in empty.columns
    }
    return pd.DataFrame(filled)


def _blank(record: type, name: str) -> object:
    return False if str(frame(record)[name].dtype) == "bool" else None


def speed() -> list[Row]:
    """Return CPU seconds, their ratio to a plain pass, and the memory."""
    made, run = plan(ATTEMPTS // TRIES), history(ATTEMPTS // TRIES)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    marks = [time.process_time()]
    run.attempts.groupby(["request_id", "provider"])["start_ns"].agg(["min", "count"])
    marks.append(time.process_time())
    data = RunData.of(made, run)
    metrics = measure(data)
    marks.append(time.process_time())
    judge(data)
    marks.append(time.process_time())
    plain_s, measure_s, judge_s = (float(part) for part in np.diff(marks))
    after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert metrics.phases["fault"]["amplification"].value == TRIES
    return [
        Row(what="one pandas groupby by request and provider", measured=plain_s, unit="CPU s"),
        Row(what="the numbers alone", measured=measure_s, unit="CPU s"),
        limited("numbers, findings and verdict", judge_s, "CPU s", 10),
        Row(what="the same / one groupby", measured=judge_s / plain_s, unit="×"),
        Row(what="memory with the history", measured=before_kib / 2**20, unit="GiB"),
        Row(what="memory at most", measured=after_kib / 2**20, unit="GiB"),
    ]


if __name__ == "__main__":
    tell("judge_speed", speed)
