"""How long callers of streams waited for the first token."""

from __future__ import annotations

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Observations
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import Remedy, on_litellm


def _measure(scope: Scope) -> Observations:
    requests, journeys = scope.run.columns.requests, scope.run.journeys
    never = np.isnan(requests.first_token_ns)
    return Observations.of(
        scope.requests & requests.streaming,
        request=np.arange(len(requests)),
        from_ns=requests.scheduled_ns,
        to_ns=np.where(never, requests.scheduled_ns + journeys.latency_ns, requests.first_token_ns),
        never=never,
        nothing="no streams",
    )


TTFT = Metric(
    name="ttft",
    label="time to first token",
    meaning=(
        "Streaming requests only: from the intended start to the first content. Infinite for a stream that ended without any, "
        "however it ended."
    ),
    unit="ns",
    kind=Observations,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=True,
    until_deadline=True,
    seen_by="caller",
    across=False,
    remedy=Remedy(
        "Fall back where a stream does not begin in time: give each attempt a timeout for its first token.",
        on_litellm(
            "Set `stream_timeout`, and lower `num_retries`: each try before the fallback takes up to that long."
        ),
    ),
    shown=(),
)
