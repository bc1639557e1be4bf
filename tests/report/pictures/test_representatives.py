"""The requests that are worth a look."""

from __future__ import annotations

from harness.judge import RunData
from harness.report import JudgedRun
from harness.report.pictures.representatives import representatives
from harness.scenario import Fault, Inject
from tests.judge.histories import Book, Try, fails, plan_of

PEERS = plan_of(
    order=("east", "west", "claude"),
    peers=[("east", "west")],
    faults=[Fault(on="east", during="fault", inject=Inject(status=503))],
)


def examples(run: JudgedRun) -> dict[str, str]:
    """Return the request of each reason."""
    return {reason: pick.request_id for pick in representatives(run) for reason in pick.reasons}


def test_they_are_typical_extreme_and_failing(hasty: JudgedRun) -> None:
    """One without a fault, the fastest and the slowest fallback, and each finding's first; no request twice."""
    picks = examples(hasty)
    assert {"typical, no fault", "fastest fallback", "median fallback", "slowest fallback"} <= set(picks)
    (finding,) = [finding for finding in hasty.verdict.findings if finding.id == "retry_after_ignored"]
    assert picks["retried earlier than the provider asked"] == finding.requests[0]
    ids = [pick.request_id for pick in representatives(hasty)]
    assert len(ids) == len(set(ids))


def test_each_way_to_an_answer_has_its_own_name() -> None:
    """A peer that serves at once did not sit the fault out, and neither did a fallback that was asked first."""
    book = Book()
    book.request(1, Try(at="east"))
    peer = book.request(12, fails(503, at="east"), Try(at="west"))
    retried = book.request(13, fails(503, at="east"), fails(503, at="east"), Try(at="east"))
    slowed = book.request(14, Try(at="east", fault="fault-1", took_s=3))
    skipped = book.request(15, Try(at="claude", fault="fault-1"))
    fallback = book.request(16, fails(503, at="west"), Try(at="claude", after_s=2))
    failed = book.request(17, fails(503, at="east"))
    picks = examples(JudgedRun.of(RunData.of(PEERS, book.history(PEERS))))
    assert {
        "served by a peer": peer,
        "served after retries": retried,
        "served despite the fault": slowed,
        "first provider skipped": skipped,
        "median fallback": fallback,
        "failed": failed,
    }.items() <= picks.items()
