"""How a request ended and who served it, in the words of the metrics."""

from __future__ import annotations

from collections.abc import Sequence

from harness.history.records import AttemptRecord, RequestRecord
from harness.http_rules import is_success

INCOMPLETE = "incomplete"
"""The outcome of a request whose caller took an answer that is not complete."""
NO_ONE = ""


def outcome_of(request: RequestRecord, attempts: Sequence[AttemptRecord], answers: Sequence[str]) -> tuple[str, str]:
    """Return the outcome of a request that is joined to its attempts, and the provider that served it.

    Args:
        request: The request.
        attempts: Its own, by start.
        answers: What the chain may answer by itself; see `Chain.answers`.
    """
    served_by = request.served_by
    if served_by is None and request.outcome == "ok" and request.served_attempt is None and not request.sources:
        # The text of a real provider names no attempt: the last success is its own.
        served_by = next((each.provider for each in reversed(attempts) if each.outcome == "ok"), None)
    done = request.complete or ("rewrites" in answers and _unnamed(request))
    outcome = INCOMPLETE if request.outcome == "ok" and not done else request.outcome
    return outcome, served_by or NO_ONE


def _unnamed(request: RequestRecord) -> bool:
    """Return whether the caller took a text that names no attempt."""
    return bool(is_success(request.status) and request.text_chars and not request.sources and not request.complete)
