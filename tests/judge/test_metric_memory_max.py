"""The metric `memory_max`."""

import pytest

from harness.history import HealthRecord
from harness.judge import Status, judge, measure
from harness.quantities import S
from tests.judge.histories import Book, Try, plan_of

MB = 10**6


def book(*rows: tuple[str, float, int | None]) -> Book:
    """Return a quiet run with health records: process, when in seconds, resident megabytes."""
    written = Book().steady()
    written.request(12, Try())
    written.health += [
        HealthRecord(
            process=process,
            at_ns=int(at_s * S),
            loop_lag_ns=0,
            cpu_ns=0,
            resident_bytes=None if size is None else size * MB,
        )
        for process, at_s, size in rows
    ]
    return written


def test_it_is_the_most_of_the_chains_largest_process() -> None:
    """Workers are processes of the chain; warm-up, other phases and other processes do not count."""
    rows = (("chain", 12, 300), ("chain-1", 13, 390), ("chain-1", 14, 340), ("load", 12, 900), ("edge", 12, None))
    run = book(*rows, ("chain-1", -1, 2000), ("chain-1", 5, 600)).run(plan_of("memory_max in fault <= 390 MB"))
    metrics = measure(run)
    assert metrics.phases["fault"]["memory_max"].value == 390 * MB
    assert metrics.harness["memory_max_load"].value == 900 * MB
    assert metrics.harness["memory_max_chain-1"].value == 600 * MB
    assert "memory_max_edge" not in metrics.harness
    assert judge(run).expectations[0].status is Status.PASS


@pytest.mark.parametrize(
    ("limit", "status"), [("511 MB", "fail"), ("512MB", "pass"), ("0.5 GB", "fail"), ("489 MiB", "pass")]
)
def test_a_limit_is_a_size(limit: str, status: str) -> None:
    """Decimal units are powers of 1000, binary ones of 1024."""
    (row,) = judge(book(("gateway", 12, 512)).run(plan_of(f"memory_max in fault <= {limit}"))).expectations
    assert row.status == status
    assert row.message.startswith("512 MB; limit ")


@pytest.mark.parametrize(
    "rows", [(), [("load", 12, 100)], [("chain", 12, None)]], ids=["virtual time", "not started", "no /proc"]
)
def test_what_was_not_measured_is_inconclusive(rows: tuple[tuple[str, float, int | None], ...]) -> None:
    """No record is no small process."""
    (row,) = judge(book(*rows).run(plan_of("memory_max <= 512 MB"))).expectations
    assert (row.status, row.observed) == (Status.INCONCLUSIVE, None)
    assert row.message.startswith("the memory of the chain's process was not measured: ")


def test_a_gateway_has_no_event_loop_of_ours() -> None:
    """So it shows no lag, good or bad."""
    metrics = measure(book(("gateway", 12, 512), ("load", 12, 1)).run(plan_of()))
    assert {name for name in metrics.harness if name.startswith("loop_lag")} == {
        "loop_lag_load_p99",
        "loop_lag_load_max",
    }
