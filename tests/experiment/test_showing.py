"""Requests of saved runs: found by id, beginning or number; nothing is written, whatever state the run is in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment import show, trial
from harness.experiment.showing import FEW
from harness.history import RequestRecord
from harness.history.records import HealthRecord
from harness.store import Capture, EdgeAttempt, Origin
from tests.experiment.files import scenario
from tests.plans import chain_file


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep a run of 30 requests; return its folder."""
    root = tmp_path_factory.mktemp("kept")
    (root / "chain.yaml").write_text(chain_file("openai", "azure"))
    return trial(scenario(root, "one", baseline_s=5, rate=3), runs=root / "reports").folder.path


@pytest.fixture
def run(kept: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copytree(kept, tmp_path / "run"))


def files(folder: Path) -> dict[Path, int]:
    """Return all files with the time of their last change."""
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_the_worst_of_a_big_run(kept: Path) -> None:
    """Those that waited longest first; nothing in the folder is touched."""
    before = files(kept)
    shown = show(kept)
    assert files(kept) == before
    assert (shown.listed, len(shown.requests), shown.run.cut_short) == (True, FEW, "")
    took = [story.took_ns or 0 for story in shown.requests]
    assert took == sorted(took, reverse=True)
    assert all([bar.provider for bar in story.attempts][:1] == ["openai"] for story in shown.requests)
    assert shown.as_json()["planned"] == 30


def test_those_without_an_answer_come_first(kept: Path, run: Path) -> None:
    """However quickly they failed; the longest of them first."""
    frame = show(kept).run.requests
    frame.loc[frame["request_id"].isin(["req-000003", "req-000004"]), ["outcome", "complete"]] = ["error", False]
    frame.to_parquet(run / "changed.parquet")
    _replace(run, "requests")
    first = [story.request_id for story in show(run).requests[:2]]
    assert sorted(first) == ["req-000003", "req-000004"]


@pytest.mark.parametrize("request_", ["req-000007", "7", "000007", "req-000007 "])
def test_one_request(kept: Path, request_: str) -> None:
    """By its id or its number."""
    if request_.endswith(" "):
        with pytest.raises(UsageError, match="no request"):
            show(kept, request_)
        return
    (story,) = show(kept, request_).requests
    assert (story.request_id, story.complete) == ("req-000007", True)


def test_a_beginning_must_be_of_one_id(kept: Path) -> None:
    """Else some of those that have it are named."""
    assert [story.request_id for story in show(kept, "req-00003").requests] == ["req-000030"]
    with pytest.raises(UsageError) as caught:
        show(kept, "req-00001")
    assert caught.value.problem == "10 requests begin with 'req-00001'"
    assert caught.value.known == "req-000010, req-000011, req-000012, req-000013, req-000014, …"


@pytest.mark.parametrize("request_", ["", "31", "0", "-1", "nine", "req-000031", "9" * 5000, "\u0661"])
def test_no_such_request(kept: Path, request_: str) -> None:
    """What is known is the range."""
    with pytest.raises(UsageError) as caught:
        show(kept, request_)
    assert caught.value.problem.startswith("no request ")
    assert caught.value.known == "req-000001 to req-000030"


def _replace(run: Path, name: str) -> None:
    """Put a changed table in the place of another, with what that held about the whole run."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    held = pq.read_schema(run / f"{name}.parquet").metadata
    table = pq.read_table(run / "changed.parquet")
    pq.write_table(table.replace_schema_metadata(held), run / f"{name}.parquet")


def unfinished(run: Path) -> None:
    """Leave of a run what a killed one leaves: rows, and no table, number or verdict."""
    for path in [*run.glob("*.parquet"), *run.glob("*.json"), *run.glob("*.xml")]:
        if path.name not in ("plan.json", "environment.json"):
            path.unlink()


def test_a_run_that_was_killed(run: Path) -> None:
    """What it had recorded is shown, a request without a record with its attempts, and no file is made of it."""
    unfinished(run)
    with Capture(run / "capture", "edge") as edge, Capture(run / "capture", "load") as load:
        edge.put(Origin(at_ns=1000))
        for name in ("req-000001", "req-000002"):
            row = {"key": None, "attempt_id": f"{name}.openai.1", "request_id": name, "number": 0, "provider": "openai"}
            edge.put(
                EdgeAttempt(**row, start_ns=2000, first_byte_ns=None, end_ns=3000, status=503, outcome="status")  # type: ignore[arg-type]
            )
        load.put(
            RequestRecord(
                request_id="req-000001",
                phase="baseline",
                scheduled_ns=1000,
                start_ns=1000,
                end_ns=4000,
                outcome="error",
            )
        )
        load.put(HealthRecord(process="load", at_ns=4000, loop_lag_ns=0, cpu_ns=0))
    before = files(run)
    shown = show(run)
    assert files(run) == before
    assert shown.run.cut_short.startswith("the run has no end: it was killed, or it still goes on")
    assert [(story.request_id, story.outcome, story.took_ns) for story in shown.requests] == [
        ("req-000001", "error", 3000)
    ]
    (open_,) = show(run, "2").requests
    assert (open_.outcome, open_.complete, [bar.status for bar in open_.attempts]) == (None, False, [503])


def test_a_run_without_any_record(run: Path) -> None:
    """A simulated run writes all of them at its end."""
    unfinished(run)
    shown = show(run)
    assert shown.requests == []
    assert shown.run.cut_short.startswith("nothing is recorded: ")


def test_a_run_that_was_not_judged(run: Path) -> None:
    """It has all of its records."""
    (run / "verdict.json").unlink()
    assert show(run).run.cut_short == "the run ended before it was judged: harness report judges it"


def test_an_interrupted_run_says_why(run: Path) -> None:
    """In the words of its verdict."""
    unfinished(run)
    (run / "verdict.json").write_text('{"format": 1, "reasons": ["interrupted", "others"]}')
    assert show(run).run.cut_short == "the run was cut short: interrupted"
