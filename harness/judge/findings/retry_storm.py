"""Far more attempts at one provider than anybody planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.chain.facts import Tries
from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Ints
from harness.judge.tables.failures import CLASSES, failure_classes
from harness.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")

STORM_ATTEMPTS = 5
STORM_FACTOR = 2


def _check(run: RunData) -> CheckResult:
    attempts = run.columns.attempts
    order = attempts.by_provider
    begin = attempts.groups
    tried = (~run.second_sends)[order].astype(np.int64)
    most = np.add.reduceat(tried, begin) if len(begin) else tried
    limit = np.maximum.reduceat(_limits(run)[order], begin) if len(begin) else tried
    storms = most > limit
    shown = np.zeros(len(run.columns.requests), dtype=bool)
    shown[attempts.request[order[begin[storms]]]] = True
    limits = np.unique(limit[storms]).tolist()
    return by_request(
        run,
        shown=shown,
        could=run.journeys.attempts > 0,
        did=f"made more than {' or '.join(map(str, limits)) or 'twice the declared'} attempts at one provider",
        nobody="no request made an attempt",
    )


def _limits(run: RunData) -> Ints:
    """Return for each attempt how many its request may make at its provider, going by how this one failed.

    A success allows only as many as the least of the provider's limits: failures decide.
    """
    attempts, declared = run.columns.attempts, run.plan.facts.tries
    limits = np.empty((len(run.columns.providers), len(CLASSES) + 1), dtype=np.int64)
    for place, name in enumerate(run.columns.providers):
        tries = declared.get(name, Tries())
        limits[place] = [STORM_FACTOR * (tries.limit(failure) or 0) or STORM_ATTEMPTS for failure in (*CLASSES, None)]
    found: Ints = limits.min(axis=1)[attempts.provider]
    failed = np.flatnonzero(attempts.failed)
    found[failed] = limits[attempts.provider[failed], failure_classes(attempts, failed)]
    return found


RETRY_STORM = FindingKind(
    id="retry_storm",
    severity="required",
    shown_by="request",
    name="retried far too often",
    meaning="More attempts at one provider than twice the tries that the chain declares for such failures, or that its"
    f" library makes by default; where neither is known, more than {STORM_ATTEMPTS}. A connection try that LiteLLM's client"
    " library sends twice is one try.",
    could="made an attempt",
    remedy=Remedy(
        "Find the second layer that retries (an SDK's own retries inside yours, say) and switch one of them off."
    ),
    check=_check,
)
