"""Classes of failure: by the status of an answer, and by its code where that is more exact."""

from __future__ import annotations

from harness.chain.facts import class_named, class_of
from harness.chain.reference.actions import Failure

_QUOTA = ("quota", "spend_limit", "usage_limit", "billing", "insufficient_balance", "insufficient balance")


def failure(status: int, code: str | None) -> Failure:
    """Return why an attempt failed whose answer is no success.

    Args:
        status: 300 and above.
        code: The body's own code, else its type; None where it has none.
    """
    word = (code or "").lower()
    if status == 402 or (status in (400, 429) and any(part in word for part in _QUOTA)):
        return "quota"
    if known := class_of(status, code):
        return known
    if status == 409 or status < 400:
        return "server_error"
    return class_named(code, "invalid")


def inside(code: str) -> Failure:
    """Return why an attempt failed that looked like a success, and holds an error.

    Args:
        code: The error's own code, which may be a status, else its type.
    """
    word = code.lower()
    if word.isdecimal() and 400 <= int(word) < 600:
        return failure(int(word), None)
    if any(part in word for part in ("rate_limit", "throttl", "too_many", *_QUOTA)):
        return failure(429, code)
    return class_named(code, "server_error")
