"""What the judge costs over millions of attempts, beside one plain pass of pandas over the same table.

A quarter as many requests, four attempts each: three 429s at the first provider, then the second one serves. Each measurement
is a process of its own that opens the run's Parquet files; judge and pandas take turns, and the median of three counts.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd
from rig.result import Row, limited, tell

from harness.chain import Chain, Provider, Retry
from harness.history import AttemptRecord, FaultEvent, HealthRecord, History, RequestRecord, frame
from harness.judge import RunData, judge, measure
from harness.quantities import S
from harness.scenario import Expectation, Fault, Inject, Load, Plan, Scenario, compile_plan
from harness.store import tables

TRIES = 4
ATTEMPTS = (500_000, 5_000_000)
TURNS = 3
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


def write(folder: Path, requests: int) -> None:
    """Write a history of so many requests in the fault phase."""
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
        error_code=np.where(last, None, "rate_limit_exceeded"),
        model="gpt-4",
        first_byte_ns=end,
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
    health = HealthRecord(process="edge", at_ns=0, loop_lag_ns=0, cpu_ns=0)
    fault = FaultEvent(
        fault_id="fault-1", provider="openai", kind="status", applied_ns=10 * S, reverted_ns=20 * S, fired=requests
    )
    tables.write(folder, History.of("", faults=[fault], health=[health]))
    tables.write_frames(folder, {"requests": calls, "attempts": attempts.sort_values("start_ns", ignore_index=True)})


def _table(record: type, **columns: object) -> pd.DataFrame:
    empty = frame(record)
    size = max(len(column) for column in columns.values() if isinstance(column, np.ndarray))
    filled = {name: _column(columns.get(name), str(empty[name].dtype), size) for name in empty.columns}
    return pd.DataFrame(filled)


def _column(given: object, kind: str, size: int) -> pd.Series:
    if given is None:
        given = {"bool": False}.get(kind)
        if kind == "object":
            return pd.Series([()] * size, dtype=kind)
    return pd.Series(given, index=range(size), dtype=kind)


class Cost(NamedTuple):
    """What a process spent.

    Attributes:
        cpu_s: CPU time of what was measured, all threads, user and system.
        opening_s: That of opening the files before.
        peak_gib: The most resident memory of the process.
    """

    cpu_s: float
    opening_s: float
    peak_gib: float


def judged(folder: Path, requests: int) -> Cost:
    """Open a run, judge it, and return what that cost."""
    made = plan(requests)
    _warm(made)
    begin = time.process_time()
    history = tables.read(folder, made)
    opened = time.process_time()
    data = RunData.of(made, history)
    metrics = measure(data)
    judge(data, metrics)
    done = time.process_time()
    assert metrics.phases["fault"]["amplification"].value == TRIES
    return Cost(done - opened, opened - begin, _peak_gib())


def grouped(folder: Path, requests: int) -> Cost:
    """Open the attempts as anybody would, and return what one groupby over them costs."""
    begin = time.process_time()
    attempts = pd.read_parquet(folder / "attempts.parquet")
    opened = time.process_time()
    sizes = attempts.groupby(["request_id", "provider"])["start_ns"].agg(["min", "count"])
    done = time.process_time()
    assert len(sizes) == 2 * requests
    return Cost(done - opened, opened - begin, _peak_gib())


def _warm(made: Plan) -> None:
    """Judge a small run, so that libraries are imported before the clock runs."""
    calls = [
        RequestRecord(request_id=f"req-{n}", phase="fault", scheduled_ns=10 * S + n, end_ns=11 * S, outcome="ok")
        for n in range(9)
    ]
    data = RunData.of(made, History.of(made.digest, requests=calls))
    judge(data, measure(data))


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def speed() -> list[Row]:
    """Return CPU seconds, their ratio to a plain pass, how they grow, and the memory."""
    found: dict[int, dict[Callable[[Path, int], Cost], list[Cost]]] = {}
    for attempts in ATTEMPTS:
        requests = attempts // TRIES
        with tempfile.TemporaryDirectory() as name:
            _apart(write, Path(name), requests)
            turns = [(work, _apart(work, Path(name), requests)) for _ in range(TURNS) for work in (grouped, judged)]
        found[attempts] = {work: [cost for each, cost in turns if each is work] for work in (grouped, judged)}
    few, many = (
        {work: median(cost.cpu_s for cost in costs) for work, costs in each.items()} for each in found.values()
    )
    last = found[ATTEMPTS[-1]]
    return [
        Row(what="one pandas groupby by request and provider", measured=many[grouped], unit="CPU s"),
        Row(what="opening the run", measured=median(cost.opening_s for cost in last[judged]), unit="CPU s"),
        Row(what="numbers, findings and verdict", measured=many[judged], unit="CPU s"),
        limited("the same / one groupby", many[judged] / many[grouped], "×", 2.5),
        limited("the same / that of a tenth of the attempts", many[judged] / few[judged], "×", 12),
        Row(what="memory of the groupby at most", measured=max(cost.peak_gib for cost in last[grouped]), unit="GiB"),
        limited("memory of the judge at most", max(cost.peak_gib for cost in last[judged]), "GiB", 2 * 10**9 / 2**30),
    ]


def _apart(work: Callable[[Path, int], Cost], folder: Path, requests: int) -> Cost:
    """Return what a function says that runs in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (folder, requests))


if __name__ == "__main__":
    tell("judge_speed", speed)
