"""The answer of a check."""

from __future__ import annotations

from dataclasses import dataclass

from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools

BLIND = "connections that this chain tried and did not get are not observable from outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The answer of one check.

    Attributes:
        status: The answer.
        count: How many requests (retries, windows) show it.
        samples: How many could have.
        requests: The requests that show it, sorted.
        message: What was found, in one sentence.
        advisory: Those that show it do what the chain declares, so they are reported and fail no run.
    """

    status: Status
    count: int = 0
    samples: int = 0
    requests: tuple[str, ...] = ()
    message: str
    advisory: bool = False


def unsure(message: str, samples: int = 0) -> CheckResult:
    """Return that the check cannot decide, and why."""
    return CheckResult(status=Status.INCONCLUSIVE, samples=samples, message=message)


def doubted(found: CheckResult, rewritten: Bools) -> CheckResult:
    """Return an answer, or that the check cannot decide, where the chain has rewritten some of the texts.

    Args:
        found: The answer without those.
        rewritten: The requests whose text the chain may have rewritten.
    """
    if not rewritten.any():
        return found
    return unsure(f"{int(rewritten.sum())} texts cannot be judged: the chain rewrites answers", found.samples)


def by_request(run: RunData, *, shown: Bools, could: Bools, did: str, nobody: str, note: str = "") -> CheckResult:
    """Return the answer of a check that looks at single requests.

    Args:
        run: The run.
        shown: The requests that show it.
        could: Those that could have.
        did: What they did, in the past tense, after "of 12 requests".
        nobody: Why none could have, where that is so.
        note: What else belongs to those that show it.
    """
    blind = run.columns.requests.blind
    could = (could | shown) & ~blind
    shown = shown & ~blind
    samples = int(could.sum())
    if shown.any():
        ids = run.columns.ids(shown)
        message = f"{len(ids)} of {samples} requests {did}, the first {ids[0]}{note}"
        return CheckResult(status=Status.FAIL, count=len(ids), samples=samples, requests=ids, message=message)
    if blind.any():
        return unsure(f"{int(blind.sum())} requests cannot be judged: {BLIND}", samples)
    if not samples:
        return unsure(nobody)
    return CheckResult(status=Status.PASS, samples=samples, message=f"none of {samples} requests {did}")
