"""How Google's services fail: a name of the status, a message, and details, which hold the delay too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.provider.answer import Answer, Problem, Refusal
from harness.provider.dialects import chat, common, delays
from harness.provider.dialects.common import quoted
from harness.provider.dialects.delays import NOTHING, SentDelay
from harness.quantities import MS

HEADERS = (("vary", "Origin"), ("x-content-type-options", "nosniff"))
"""Of all their answers."""
DETAIL = "type.googleapis.com/google.rpc."
"""What the type of an entry of `details` begins with."""
_UNAUTHENTICATED = 401


class GoogleError(NamedTuple):
    """An error: Google's name of the status, the message, and the entries of `details`."""

    status: str
    message: str
    details: tuple[dict[str, Any], ...] = ()


def fail(errors: Mapping[Problem, GoogleError], statuses: Mapping[Problem, int], refusal: Refusal) -> Answer:
    """Return an error answer of one of Google's services.

    Args:
        errors: The service's, by problem.
        statuses: Its statuses that are unusual.
        refusal: Of the call.
    """
    status, problem = common.failing(refusal, statuses)
    sent = delays.sent(refusal.delay, "body")
    body = _body(errors[problem], refusal, status, sent)
    headers = (*HEADERS, ("x-request-id", common.name(refusal.attempt_id, "error")), *sent.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": body}),
        error_code=body["status"],
        retry_after_ns=sent.ns,
    )


def _body(error: GoogleError, refusal: Refusal, status: int, sent: SentDelay) -> dict[str, Any]:
    broken, call = refusal.violation, refusal.call
    message = common.named(error.message, call) if broken is None else broken.message
    details = json.loads(json.dumps(error.details).replace('"{model}"', quoted(call.model or "unknown")))
    if sent.in_body:
        seconds, ms = divmod((sent.ns or 0) // MS, 1000)
        message += f" Please retry in {seconds}.{ms:03d}s."
        delay = f"{seconds}.{ms:03d}s" if ms else f"{seconds}s"  # as protobuf writes a duration
        details.append({"@type": f"{DETAIL}RetryInfo", "retryDelay": delay})
    name = "UNAUTHENTICATED" if status == _UNAUTHENTICATED else error.status
    body: dict[str, Any] = {"code": status, "message": message, "status": name}
    if details:
        body["details"] = details
    return body


def error_event(errors: Mapping[Problem, GoogleError], statuses: Mapping[Problem, int], refusal: Refusal) -> bytes:
    """Return the event by which a stream ends in an error; see `fail`."""
    status, problem = common.failing(refusal, statuses)
    return chat.error_event(_body(errors[problem], refusal, status, NOTHING))
