"""Text that was sent for another request."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.run_data import RunData
from harness.judge.tables.columns import floats


def _check(run: RunData) -> CheckResult:
    requests = run.columns.requests
    # Whoever was served by its own attempt, and names no other, needs no look at its names.
    several = requests.table["sources"].str.len().to_numpy(np.float64) > 1
    unserved = requests.table["served_attempt"].isna().to_numpy(bool)
    suspects = np.flatnonzero(requests.named & (several | unserved) & ~requests.cached)
    shown = np.zeros(len(requests), dtype=bool)
    ended_ns = _cached(run)
    for place in suspects:
        own = f"{requests.table['request_id'].iloc[place]}."
        others = [name for name in requests.table["sources"].iloc[place] if not name.startswith(own)]
        shown[place] = any(not ended_ns.get(name, np.inf) <= requests.end_ns[place] for name in others)
    return by_request(
        run,
        shown=shown,
        could=floats(requests.table["text_chars"]) > 0,
        did="got text that was sent for another request",
        nobody="no request got any text",
    )


def _cached(run: RunData) -> dict[str, float]:
    """Return when each attempt had ended whose text a declared cache may hold; empty without a cache."""
    if "cache" not in run.plan.chain.answers:
        return {}
    table = run.columns.history.attempts
    return dict(zip(table["attempt_id"], floats(table["end_ns"]), strict=True))


ANSWER_OF_ANOTHER = FindingKind(
    id="answer_of_another",
    severity="required",
    shown_by="request",
    name="caller given somebody else's answer",
    meaning="The caller got text that was sent for another request. Not where the chain declares a cache"
    " (`answers: [cache]`) and that text had been sent earlier in this run.",
    could="got text",
    remedy="Look for state that requests share: a response object, a buffer, or a cache whose key leaves out part of the"
    " prompt. If the chain has a cache on purpose, declare it.",
    check=_check,
    across=True,
    harm=True,
)
