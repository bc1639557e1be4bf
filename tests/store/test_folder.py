"""The run folder."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment.prepare import load
from harness.history import (
    AttemptRecord,
    FaultEvent,
    HealthRecord,
    ProviderState,
    ReadyRecord,
    RequestRecord,
    as_records,
)
from harness.history.records import ChainAttempt
from harness.scenario import Plan
from harness.store import Capture, EdgeAttempt, Foreign, Origin, RunFolder, WorkerClock, latest

SCENARIO = Path(__file__).parents[2] / "scenarios" / "primary-refused.yaml"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The plan of refused connections, cut to its first request."""
    whole = load(SCENARIO).plan
    return replace(whole, arrivals=whole.arrivals[:1])


def write_run(folder: RunFolder) -> None:
    """Capture one request with a refused, a failed and a good attempt, at origin 1000."""
    with Capture(folder.capture, "runner") as runner:
        runner.put(Origin(at_ns=1000))
        runner.put(FaultEvent(fault_id="fault-1", provider="openai", kind="refused", applied_ns=1000, reverted_ns=1060))
        runner.put(HealthRecord(process="runner", at_ns=1100, loop_lag_ns=3, cpu_ns=4, resident_bytes=5))
        runner.put(ReadyRecord(start_ns=1100, end_ns=1103, status=200, keyed=True))
    with Capture(folder.capture, "load") as load_part:
        load_part.put(
            RequestRecord(
                request_id="req-000001",
                phase="baseline",
                scheduled_ns=1010,
                start_ns=1011,
                end_ns=1200,
                outcome="ok",
                status=200,
                sources=("req-000001.azure.1",),
                text_chars=3,
                text_sha256="abc",
            )
        )
    with Capture(folder.capture, "chain") as chain:
        common = {"request_id": "req-000001"}
        chain.put(ChainAttempt(key="a-1", provider="openai", start_ns=1020, outcome="refused", **common))
        chain.put(ChainAttempt(key="a-2", provider="azure", start_ns=1080, outcome="ok", status=200, **common))
    with Capture(folder.capture, "edge") as edge:
        attempt = AttemptRecord(
            attempt_id="req-000001.azure.1",
            request_id="req-000001",
            provider="azure",
            start_ns=1085,
            end_ns=1190,
            status=200,
            outcome="ok",
            text_chars=3,
            text_sha256="abc",
        )
        edge.put(EdgeAttempt.of("a-2", attempt))
        edge.put(Foreign(at_ns=1100, provider="azure"))


def test_rows_of_workers_are_shifted_by_their_clocks(tmp_path: Path, plan: Plan) -> None:
    """A worker whose clock is ahead has its rows moved back, one of the runner's machine not; each request names its worker."""
    folder = RunFolder.create(tmp_path, plan, now=NOW)
    with Capture(folder.capture, "runner") as runner:
        runner.put(Origin(at_ns=1000))
    with Capture(folder.capture, "load") as load_part:
        load_part.put(WorkerClock(worker="worker-2", offset_ns=500, unsure_ns=7))
    for name, ahead_ns in (("worker-1", 0), ("worker-2", 500)):
        with Capture(folder.capture, name) as worker:
            worker.put(
                RequestRecord(
                    request_id=f"req-{name}",
                    phase="baseline",
                    scheduled_ns=1010 + ahead_ns,
                    start_ns=1011 + ahead_ns,
                    end_ns=1200 + ahead_ns,
                    outcome="error",
                )
            )
            worker.put(HealthRecord(process=name, at_ns=1100 + ahead_ns, loop_lag_ns=3, cpu_ns=4))
    history = folder.compact(complete=True)
    found = as_records(RequestRecord, history.requests)
    assert [(row.worker, row.scheduled_ns, row.start_ns, row.end_ns) for row in found] == [
        ("worker-1", 10, 11, 200),
        ("worker-2", 10, 11, 200),
    ]
    assert [row.at_ns for row in as_records(HealthRecord, history.health)] == [100, 100]
    assert history.clocks_unsure_ns == 7
    assert folder.history().clocks_unsure_ns == 7


def test_captured_rows_become_one_history(tmp_path: Path, plan: Plan) -> None:
    """Edge, chain and caller are joined, shifted to the origin, numbered, and the refused connection is blamed."""
    folder = RunFolder.create(tmp_path, plan, now=NOW)
    write_run(folder)
    history = folder.compact(complete=True)
    refused, served = as_records(AttemptRecord, history.attempts)
    assert (refused.outcome, refused.seen_by, refused.number, refused.start_ns, refused.fault_id) == (
        "refused",
        "chain",
        1,
        20,
        "fault-1",
    )
    assert (served.seen_by, served.number, served.start_ns, served.fault_id) == ("both", 2, 85, None)
    (request,) = as_records(RequestRecord, history.requests)
    assert (request.complete, request.served_by, request.served_attempt) == (True, "azure", "req-000001.azure.1")
    (fault,) = as_records(FaultEvent, history.faults)
    assert (fault.fired, fault.applied_ns, fault.reverted_ns) == (1, 0, 60)
    assert (history.lost, history.foreign, history.complete) == (0, 1, True)


def test_changes_of_breakers_are_kept(tmp_path: Path, plan: Plan) -> None:
    """Shifted to the origin; a run from before there was such a table has none."""
    folder = RunFolder.create(tmp_path, plan, now=NOW)
    write_run(folder)
    with Capture(folder.capture, "chain-2") as chain:
        chain.put(ProviderState(provider="openai", at_ns=1040, state="open", why="5 failures in a row"))
    folder.compact(complete=True)
    (kept,) = as_records(ProviderState, RunFolder.open(folder.path).history().states)
    assert (kept.provider, kept.at_ns, kept.state) == ("openai", 40, "open")
    (folder.path / "states.parquet").unlink()
    assert RunFolder.open(folder.path).history().states.empty


def test_the_edges_row_holds_a_whole_attempt() -> None:
    """Its fields are a key and those of an attempt, in their order, with their defaults."""
    names = [field.name for field in fields(AttemptRecord)]
    assert list(EdgeAttempt._fields) == ["key", *names]
    defaults = {field.name: field.default for field in fields(AttemptRecord)}
    assert all(defaults[name] == default for name, default in EdgeAttempt._field_defaults.items())


def test_a_history_survives_its_files(tmp_path: Path, plan: Plan) -> None:
    """What is read back is what was written, types included."""
    folder = RunFolder.create(tmp_path, plan, now=NOW)
    write_run(folder)
    written = folder.compact(complete=False)
    back = RunFolder.open(folder.path).history()
    assert written.ready["end_ns"].tolist() == [103]
    for name in ("requests", "attempts", "faults", "health", "states", "ready"):
        assert getattr(back, name).equals(getattr(written, name))
        assert list(getattr(back, name).dtypes) == list(getattr(written, name).dtypes)
    assert (back.complete, back.lost, back.foreign, back.plan_digest) == (False, 0, 1, plan.digest)
    assert folder.plan() == plan


def test_a_torn_last_line_is_cut(tmp_path: Path, plan: Plan) -> None:
    """A killed process leaves half a line: what comes before it is kept, what is missing is counted."""
    folder = RunFolder.create(tmp_path, plan, now=NOW)
    write_run(folder)
    path = folder.capture / "edge.jsonl"
    head, row, _foreign = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + row[:-20])
    history = folder.history()
    assert len(history.requests) == 1
    assert [a.outcome for a in as_records(AttemptRecord, history.attempts)] == ["refused", "ok"]
    assert history.lost == 1
    assert not history.complete


def test_a_record_that_one_side_lost_is_counted(tmp_path: Path, plan: Plan) -> None:
    """The chain was answered, so the edge must have seen the attempt; or the other way round."""
    folder = RunFolder.create(tmp_path, plan, now=NOW)
    with Capture(folder.capture, "chain") as chain:
        chain.put(ChainAttempt(key="a-1", request_id=None, provider="openai", start_ns=1, outcome="ok", status=200))
    with Capture(folder.capture, "edge") as edge:
        attempt = AttemptRecord(attempt_id="x", request_id=None, provider="openai", start_ns=1, outcome="ok")
        edge.put(EdgeAttempt.of("a-2", attempt))
    assert folder.compact(complete=True).lost == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'["format",{"format":99}]\n', "format 99"),
        (b'["health",{"process":"x"}]\n', "no format"),
        (b'["format",{"format":1}]\n["health",{"pro\n["health",{}]\n', "line 2"),
    ],
)
def test_a_capture_that_cannot_be_read_is_reported(tmp_path: Path, plan: Plan, content: bytes, problem: str) -> None:
    """Another version's file, none of ours, or one with a broken line in the middle: by name, not by traceback."""
    folder = RunFolder.create(tmp_path, plan, now=NOW)
    (folder.capture / "edge.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match=problem):
        folder.history()


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path, plan: Plan) -> None:
    """A folder is made exclusively; `latest` names the one published last."""
    first = RunFolder.create(tmp_path, plan, now=NOW)
    second = RunFolder.create(tmp_path, plan, now=NOW)
    assert first.path.name == "2026-01-02T03-04-05Z-1"
    assert second.path.name == "2026-01-02T03-04-05Z-1-2"
    second.publish()
    first.publish()
    assert latest(tmp_path) == first.path


def test_no_run_is_reported(tmp_path: Path) -> None:
    """A folder that is no run, and reports without one, are the user's mistake."""
    with pytest.raises(UsageError, match="not a run's folder"):
        RunFolder.open(tmp_path)
    with pytest.raises(UsageError, match="there is no run yet"):
        latest(tmp_path)
