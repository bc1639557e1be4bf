"""The provider answers with an error."""

from __future__ import annotations

from harness.provider.answer import Answer
from harness.provider.dialects import Dialect
from harness.scenario import Inject


def answer(dialect: Dialect, inject: Inject, attempt_id: str) -> Answer:
    """Return the provider's own error body under the status that was asked for."""
    return dialect.fail(attempt_id, status=inject.status, problem=inject.error, retry_after_ns=inject.retry_after)
