"""Answers that arrived in part, or not as they were meant, and were taken for whole ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, doubted
from harness.judge.findings.last_attempts import last
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools, are_success


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAnswers:
    """One entry for each request.

    Attributes:
        truncated: Its caller took an answer that was cut, or that is shorter than what was sent.
        changed: Its caller took other calls than its provider meant, in a text that names that one attempt.
        cut: One of its attempts began an answer that broke off.
        rewritten: The chain may have rewritten its text, so that it cannot be judged.
        calls: Its answer should be calls of tools: those of the first turn of a conversation, too.
    """

    truncated: Bools
    changed: Bools
    cut: Bools
    rewritten: Bools
    calls: Bools

    @classmethod
    def of(cls, run: RunData) -> PartialAnswers:
        """Return those of a run."""
        columns, journeys = run.columns, run.journeys
        requests, attempts = columns.requests, columns.attempts
        begun = are_success(attempts.status)
        cut = begun & attempts.had("cut", "reset", "timeout", "malformed")
        # Where the text names no attempt, the answer is that of the last attempt that began one.
        serving = np.where(journeys.winner >= 0, journeys.winner, last(run, begun))
        calls = columns.of_kinds("tools") | (columns.of_kinds("conversation") & (requests.before < 0))
        taken = requests.ok & are_success(requests.status) & ~requests.complete & (serving >= 0)
        short = taken.copy()
        if taken.any():
            meant = np.append(attempts.floats("text_chars"), np.nan)[serving]
            short &= np.append(cut, False)[serving] | (requests.floats("text_chars") < meant)
        changed = calls & taken & (journeys.winner >= 0)
        if changed.any():
            changed &= requests.sources == 1
        rewritten = (requests.unnamed | changed) & ("rewrites" in run.plan.chain.answers)
        return cls(
            truncated=short & ~rewritten,
            changed=changed & ~rewritten,
            cut=columns.requests_with(cut),
            rewritten=rewritten,
            calls=calls,
        )

    def result(self, run: RunData, *, among: Bools, shown: Bools, could: Bools, did: str, nobody: str) -> CheckResult:
        """Return the answer of a check that looks at some of the requests; see `by_request`."""
        found = by_request(run, shown=shown & among, could=could & among, did=did, nobody=nobody)
        return doubted(found, self.rewritten & among) if found.status is Status.PASS else found
