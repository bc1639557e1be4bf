"""Text that no provider sent."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, doubted
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools, are_success


def _check(run: RunData) -> CheckResult:
    requests, declared = run.columns.requests, run.plan.chain.answers
    rewritten = run.columns.rewritten
    taken = requests.ok & are_success(requests.status) & (requests.floats("text_chars") > 0)
    found = by_request(
        run,
        shown=_not_its_own(run) & ~rewritten & ~run.mocked & ("canned" not in declared),
        could=taken,
        did="got text that no provider sent",
        nobody="no request got any text",
    )
    return doubted(found, rewritten) if found.status is Status.PASS else found


def _not_its_own(run: RunData) -> Bools:
    """Return which texts that name no attempt cannot be part of what an attempt of the same request sent.

    A shorter one may have been cut before it named its attempt; a real provider's text names none.
    """
    unnamed = run.columns.requests.unnamed
    if not unnamed.any():
        return unnamed
    columns, attempts = run.columns, run.columns.attempts
    begun = are_success(attempts.status)
    longest = np.full(len(columns.requests), -1.0)
    np.fmax.at(longest, attempts.request[begun], attempts.floats("text_chars")[begun])
    shorter = columns.requests.floats("text_chars") < longest
    real = columns.requests_with(begun & attempts.bools("forwarded"))
    return unnamed & ~shorter & ~real


ANSWER_OF_NOBODY = FindingKind(
    id="answer_of_nobody",
    severity="required",
    shown_by="request",
    name="caller given text that no provider sent",
    meaning="The caller got a 2xx with text that no attempt of the request sent, not even in part. Not where the chain declares"
    " that it may answer so (`answers: [canned]`), or has a provider that it never calls (LiteLLM's `mock_response`); where it"
    " rewrites answers (`answers: [rewrites]`), it cannot be decided.",
    could="got text with a 2xx",
    remedy=Remedy("Answer with an error status where no provider answered, or declare what else callers may get."),
    check=_check,
    harm=True,
)
