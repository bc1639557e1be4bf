"""What an error answer means for a chain: by its status, and by its code where that says more."""

from __future__ import annotations

from harness.chain.reference.actions import Failure

_QUOTA = ("quota", "spend_limit", "billing", "insufficient_balance", "insufficient balance")
_FILTER = ("content_filter", "content_policy", "safety")


def failure(status: int, code: str | None) -> Failure:
    """Return why an attempt failed whose answer is no success.

    Args:
        status: 300 and above.
        code: The body's own code, else its type; None where it has none.
    """
    said = (code or "").lower()
    if status == 402 or (status == 429 and any(word in said for word in _QUOTA)):
        return "quota"
    if status == 429:
        return "rate_limit"
    if status in (401, 403, 404):
        return "denied"
    if status in (408, 504):
        return "timeout"
    if status >= 500 or status == 409 or status < 400:
        return "server_error"
    return "filtered" if any(word in said for word in _FILTER) else "invalid"


def inside(code: str) -> Failure:
    """Return why an attempt failed that looked like a success, and holds an error.

    Args:
        code: The error's own code, which may be a status, else its type.
    """
    said = code.lower()
    if said.isdecimal() and 400 <= int(said) < 600:
        return failure(int(said), None)
    if "rate_limit" in said or any(word in said for word in _QUOTA):
        return failure(429, code)
    return "filtered" if any(word in said for word in _FILTER) else "server_error"
