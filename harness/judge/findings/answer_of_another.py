"""Text that was sent for another request."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy
from harness.judge.run_data import RunData


def _check(run: RunData) -> CheckResult:
    requests = run.columns.requests
    # Whoever was served by its own attempt, and names no other, needs no look at its names.
    several = requests.sources > 1
    unserved = ~requests.table.given("served_attempt")[requests.row]
    suspects = np.flatnonzero(requests.named & (several | unserved) & ~requests.cached)
    shown = np.zeros(len(requests), dtype=bool)
    ended_ns = _cached(run)
    named = zip(suspects, requests.pick("request_id", suspects), requests.pick("sources", suspects), strict=True)
    for place, own, names in named:
        others = [name for name in names if not name.startswith(f"{own}.")]
        shown[place] = any(not ended_ns.get(name, np.inf) <= requests.end_ns[place] for name in others)
    return by_request(
        run,
        shown=shown,
        could=requests.floats("text_chars") > 0,
        did="got text that was sent for another request",
        nobody="no request got any text",
    )


def _cached(run: RunData) -> dict[str, float]:
    """Return when each attempt had ended whose text a declared cache may hold; empty without a cache."""
    if "cache" not in run.plan.chain.answers:
        return {}
    table = run.columns.history.attempt_table
    return dict(zip(table.pick("attempt_id", np.arange(len(table))), table.floats("end_ns"), strict=True))


ANSWER_OF_ANOTHER = FindingKind(
    id="answer_of_another",
    severity="required",
    shown_by="request",
    name="caller given somebody else's answer",
    meaning="The caller got text that was sent for another request. Not where the chain declares a cache"
    " (`answers: [cache]`) and that text had been sent earlier in this run.",
    could="got text",
    remedy=Remedy(
        "Look for state that requests share: a response object, a buffer, or a cache whose key leaves out part of the"
        " prompt. If the chain has a cache on purpose, declare it."
    ),
    check=_check,
    across=True,
    harm=True,
)
