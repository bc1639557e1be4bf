"""A load whose workers' clocks are not sure enough: what compares clocks is unknown, what one clock measured is not."""

from __future__ import annotations

from dataclasses import replace

from harness.judge import RunData, Status, judge
from harness.judge.measure import measure
from harness.judge.metrics import RUN
from harness.judge.tables.columns import TOLERANCE_NS
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of

LIMITS = ("p50 latency in fault < 20s", "time_to_fallback < 20s")


def judged(unsure_ns: int, *limits: str) -> RunData:
    """Return a run with a fallback, whose workers' clocks are unsure."""
    book = Book().steady()
    for at_s in range(12, 35):
        book.request(at_s, fails(503), Try(at="azure"))
    run = book.run(plan_of(*(limits or LIMITS), faults=[OUTAGE]))
    return RunData.of(run.plan, replace(run.columns.history, clocks_unsure_ns=unsure_ns))


def test_times_of_several_clocks_are_inconclusive_beyond_the_tolerance() -> None:
    """Latency is measured by one clock; how long after the fault's beginning a fallback served is not."""
    sure, unsure = judged(TOLERANCE_NS), judged(TOLERANCE_NS + 1)
    assert [row.status for row in judge(sure).expectations] == [Status.PASS, Status.PASS]
    latency, fallback = judge(unsure).expectations
    assert (latency.status, fallback.status) == (Status.PASS, Status.INCONCLUSIVE)
    assert fallback.message.startswith("a worker's clock may be off by 50.000001 ms (limit 50 ms)")
    assert measure(unsure).phases[RUN]["time_to_fallback"].value is None
    assert measure(unsure).phases[RUN]["retry_gap_p50"] == measure(sure).phases[RUN]["retry_gap_p50"]


def test_findings_that_compare_clocks_are_inconclusive_too() -> None:
    """They may neither accuse the chain nor clear it; those that look at one clock answer as ever."""
    answers = {
        row.text: row for row in judge(judged(TOLERANCE_NS + 1, "no hang", "no duplicated_content")).expectations
    }
    assert answers["no hang"].status is Status.INCONCLUSIVE
    assert "a worker's clock may be off" in answers["no hang"].message
    assert "clock" not in answers["no duplicated_content"].message
    (hang,) = judge(judged(TOLERANCE_NS, "no hang")).expectations
    assert hang.status is Status.PASS
