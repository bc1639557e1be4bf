"""One word for a run, and the few numbers beside it."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from harness.judge import RunData, Score, ScorecardNumbers, Status, Verdict, judge, over_runs, score, worst
from harness.judge.findings import FINDINGS
from harness.judge.result import ExpectationResult, Finding
from harness.scenario import Fault, Inject
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of

HARMS = tuple(kind.id for kind in FINDINGS.own.values() if kind.harm)


def verdict(status: Status, *rows: tuple[str, Status], harms: tuple[str, ...] = ()) -> Verdict:
    """Return a verdict with these expectations, by metric, and these findings."""
    return Verdict(
        status=status,
        exit_code=0,
        expectations=tuple(
            ExpectationResult(
                text=metric,
                metric=metric,
                phase=None,
                status=answer,
                observed=None,
                ci=None,
                unit="share",
                samples=1,
                needed=None,
            )
            for metric, answer in rows
        ),
        findings=tuple(
            Finding(id=name, severity="required", status=Status.FAIL, count=1, samples=1, requests=(), message="")
            for name in harms
        ),
    )


def numbers(success: float | None = 1.0, gave_up: int = 0) -> ScorecardNumbers:
    """Return the two numbers that a score looks at."""
    return ScorecardNumbers(requests=10, success=success, gave_up=gave_up)


SERVED, UNSERVED = ("success_rate", Status.PASS), ("success_rate", Status.FAIL)
SLOW = ("fallback_overhead", Status.FAIL)


@pytest.mark.parametrize(
    ("found", "seen", "expected"),
    [
        (verdict(Status.PASS, SERVED), numbers(), Score.PASS),
        (verdict(Status.PASS), numbers(0.2, gave_up=8), Score.PASS),
        (verdict(Status.INCONCLUSIVE, UNSERVED, harms=("hang",)), numbers(), Score.INCONCLUSIVE),
        (verdict(Status.FAIL, SERVED, SLOW), numbers(0.99), Score.PARTIAL),
        (verdict(Status.FAIL, SERVED, SLOW), numbers(0.99, gave_up=1), Score.PARTIAL),
        (verdict(Status.FAIL, SERVED, ("goodput", Status.FAIL)), numbers(0.9), Score.SAFE),
        (verdict(Status.FAIL, SERVED, ("goodput", Status.INCONCLUSIVE), SLOW), numbers(0.9), Score.SAFE),
        (verdict(Status.FAIL, ("success_rate", Status.INCONCLUSIVE), SLOW), numbers(1.0), Score.PARTIAL),
        (verdict(Status.FAIL, ("success_rate", Status.INCONCLUSIVE), SLOW), numbers(0.9), Score.SAFE),
        (verdict(Status.FAIL, UNSERVED), numbers(1.0), Score.SAFE),
        (verdict(Status.FAIL, SERVED, ("failed_requests", Status.FAIL)), numbers(0.9), Score.SAFE),
        (verdict(Status.FAIL, SLOW), numbers(1.0), Score.PARTIAL),
        (verdict(Status.FAIL, SLOW), numbers(0.9), Score.SAFE),
        (verdict(Status.FAIL, SLOW), numbers(None), Score.SAFE),
        (verdict(Status.FAIL, UNSERVED), numbers(0.5), Score.SAFE),
        (verdict(Status.FAIL, UNSERVED), numbers(0.5, gave_up=1), Score.FAIL),
        *((verdict(Status.FAIL, SERVED, harms=(harm,)), numbers(), Score.FAIL) for harm in HARMS),
        (verdict(Status.FAIL, SERVED, harms=("retry_storm",)), numbers(), Score.PARTIAL),
    ],
)
def test_a_score_says_what_callers_got(found: Verdict, seen: ScorecardNumbers, expected: Score) -> None:
    """Deceived or left waiting is worse than refused, refused is worse than served at a price."""
    assert score(found, seen) is expected
    assert expected.status is found.status


def test_harms_are_findings() -> None:
    """Each of them is one that the judge looks for, and required."""
    assert all(FINDINGS[harm].severity == "required" for harm in HARMS)


def test_the_scores_are_documented() -> None:
    """Each with its symbol, and the very names that decide."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "scorecard.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \| . \|", page, flags=re.MULTILINE)) == set(Score)
    assert all(f"`{name}`" in page for name in HARMS)
    assert ", ".join(f"`{score}`" for score in Score) in page


def test_the_worst_counts() -> None:
    """In whatever order; nothing at all is inconclusive, never a pass."""
    order = list(Score)
    for one, other in itertools.product(order, order):
        assert worst([one, other]) is order[max(order.index(one), order.index(other))]
    assert worst([]) is Score.INCONCLUSIVE


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([4.0], (4.0, None)),
        ([1.0, 5.0, 3.0], (3.0, (1.0, 5.0))),
        ([2.0] * 5, (2.0, (2.0, 2.0))),
    ],
)
def test_few_runs_give_a_range(values: list[float], expected: object) -> None:
    """One run gives no interval at all."""
    assert over_runs(values) == expected


def test_five_runs_give_students_interval() -> None:
    """Of the mean: 3 ± 2.776 · s/√5 for 1 to 5."""
    mean, around = over_runs([1.0, 2.0, 3.0, 4.0, 5.0])
    assert mean == 3.0
    assert around == pytest.approx((3 - 1.9632, 3 + 1.9632), abs=1e-3)


def test_the_numbers_of_a_run() -> None:
    """Attempts by provider, the first gap, and how long callers waited whom a fault touched."""
    plan = plan_of(faults=[OUTAGE])
    book = Book().steady(10)
    book.request(12, fails(), Try(at="openai", after_s=1.0), phase="fault")
    book.request(14, fails(), fails(after_s=2.0), Try(at="azure", after_s=5.0), phase="fault")
    book.request(16, fails(), fails(at="azure", after_s=3.0), phase="fault")
    book.request(18, fails(), phase="fault", outcome="deadline")
    found = ScorecardNumbers.of(book.run(plan))
    assert found.attempts == {"openai": 10 + 2 + 2 + 1 + 1, "azure": 2, "anthropic": 0}
    assert (found.requests, found.affected, found.gave_up) == (14, 4, 1)
    assert found.success == pytest.approx(12 / 14)
    assert found.first_gap_ns == pytest.approx(2.0e9)
    assert found.total_p50_ns == pytest.approx(3.03e9)
    assert found.total_p95_ns == 60e9


def test_what_nobody_saw_has_no_number() -> None:
    """Refused connections of a chain that the harness does not host: no attempts, not 0 attempts."""
    refused = Fault(on="openai", during="fault", inject=Inject(connection="refused"))
    plan = plan_of(faults=[refused], endpoint=True)
    book = Book().steady(10)
    book.request(12, Try(at="azure"), phase="fault")
    found = ScorecardNumbers.of(book.run(plan, unseen=True))
    assert (found.success, found.attempts, found.first_gap_ns, found.total_p50_ns) == (1.0, None, None, None)


def test_a_run_without_requests_has_no_numbers() -> None:
    """And no score better than its verdict."""
    plan = plan_of()
    history = Book().history(plan)
    found = ScorecardNumbers.of(RunData.of(plan, history))
    assert (found.requests, found.success, found.first_gap_ns) == (0, None, None)
    assert score(judge(RunData.of(plan, history)), found).status is judge(RunData.of(plan, history)).status
