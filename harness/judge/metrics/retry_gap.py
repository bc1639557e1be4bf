"""How long the chain waited before it tried the same provider again."""

from __future__ import annotations

import re

from harness.document import field_error
from harness.judge.metrics.declaration import Argument, Metric
from harness.judge.metrics.gaps import observed_gaps
from harness.judge.metrics.kinds import Observations
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import Remedy, on_litellm
from harness.judge.tables.pairs import nth_at_provider

_NUMBER = re.compile(r"[1-9]\d{0,2}")


def _check(text: str) -> None:
    if not _NUMBER.fullmatch(text):
        raise field_error("expected the number of a retry, counted from 1")


def _measure(scope: Scope) -> Observations:
    run, asked = scope.run, scope.argument
    if asked is None:
        return observed_gaps(scope, run.gaps, nothing="no retries")
    tries = ~run.second_sends
    retry = nth_at_provider(run.columns.attempts, tries) - 1
    after = run.gaps.after
    chosen = run.gaps.where(tries[after] & (retry[after] == int(asked)))
    return observed_gaps(scope, chosen, nothing=f"no request made retry {asked} at a provider")


RETRY_GAP = Metric(
    name="retry_gap",
    label="wait before a retry",
    meaning="From the end of a failed attempt to the start of the request's next one, at the same provider.",
    unit="ns",
    kind=Observations,
    measure=_measure,
    groups=("phase", "kind", "provider"),
    asked=True,
    argument=Argument(
        name="N",
        meaning=(
            "Only the wait before the Nth retry of a request at a provider, counted from 1. A connection try that the "
            "chain's client library sends twice is one try."
        ),
        check=_check,
        example="2",
    ),
    better=None,
    served=False,
    about_time=True,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=Remedy(
        "The pauses between tries decide this: the first one, what it grows by, and its random part.",
        on_litellm(
            "LiteLLM waits 0.5 s before the first retry, then 1 s, 2 s, up to 8 s, and up to 0.75 s at random. `num_retries` decides how many of these waits there are."
        ),
    ),
    shown=(),
)
