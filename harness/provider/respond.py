"""A call and the fault that touches it, in; the answer, out. Both engines go through here."""

from __future__ import annotations

from harness.chain import Provider
from harness.provider.answer import Answer, Call
from harness.provider.dialects import DIALECTS
from harness.provider.faults import INSTEAD
from harness.scenario import Window


def parse(provider: Provider, method: str, path: str, body: bytes) -> Call:
    """Return the call that reached a provider's address."""
    return DIALECTS[provider.dialect].parse(method, path, body)


def respond(provider: Provider, call: Call, attempt_id: str, window: Window | None = None) -> Answer:
    """Return a mocked provider's answer to one attempt.

    Args:
        provider: Its dialect, model and manner of answering.
        call: As parsed.
        attempt_id: Letters, digits, `.`, `_` and `-` only; the text names it.
        window: The fault that touches this attempt, as decided; None for none.
    """
    dialect = DIALECTS[provider.dialect]
    if window is not None:
        answer = INSTEAD[window.inject.kind](dialect, window.inject, attempt_id)
        return answer._replace(fault_id=window.fault_id)
    if call.problem is not None:
        return dialect.fail(attempt_id, problem=call.problem, retry_after_ns=None)
    return dialect.succeed(provider, call, attempt_id)
