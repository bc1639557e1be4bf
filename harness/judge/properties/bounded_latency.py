"""A request ends in time."""

from __future__ import annotations

from harness.chain import Chain
from harness.document import duration_text
from harness.judge.properties.declaration import Property, WorstRequest
from harness.judge.properties.search_run import SearchRun
from harness.quantities import duration

TIMEOUT_NS = 60 * 10**9
"""Of one attempt, where the chain does not state it."""


def default_deadline_ns(chain: Chain, providers: int) -> int:
    """Return how long a request may take if no deadline is stated: an attempt's timeout for each provider."""
    return (chain.timeout or TIMEOUT_NS) * providers


def _broken(run: SearchRun) -> tuple[str, ...]:
    return tuple(
        request.request_id
        for request, _ in run.measured()
        if request.outcome != "dropped"
        and (request.end_ns is None or request.end_ns - request.scheduled_ns > run.deadline_ns)
    )


def _harm(shown: WorstRequest) -> str:
    waited = f"the caller waits {duration(shown.run.waited_ns(shown.request))}"
    return f"{waited} and gets no answer" if shown.request.client_left else waited


BOUNDED_LATENCY = Property(
    name="bounded_latency",
    broken_by="a request that ends later than `--deadline` after its intended start (default: the chain's timeout ×"
    " providers; a chain without one counts with 60 s)",
    check=_broken,
    harm=_harm,
    limit=lambda run, _broken_by: f"max latency <= {duration_text(run.deadline_ns)}",
)
