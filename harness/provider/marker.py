"""Names that travel in text: the request's in the prompt, the attempt's in the mocked answer.

Text goes through every gateway; headers do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REQUEST_HEADER = "x-harness-request"
RUN_HEADER = "x-harness-run"
ATTEMPT_HEADER = "x-harness-attempt"

_REQUEST = re.compile(rb"\[\[(?P<request>[a-z]+-[0-9]{6,}) (?P<token>[a-z0-9]{8})\]\]")
_ATTEMPT = re.compile(r"<<(?P<attempt>[A-Za-z0-9_.\-]+)>>")


@dataclass(frozen=True, slots=True)
class Marker:
    """Which request of which run a prompt belongs to."""

    request_id: str
    token: str

    def __str__(self) -> str:
        return f"[[{self.request_id} {self.token}]]"


def find_request(body: bytes) -> Marker | None:
    """Return the last marker in a request body, or None. The last: a chat may carry earlier turns."""
    at = body.rfind(b"[[")
    while at >= 0:
        if found := _REQUEST.match(body, at):
            return Marker(found["request"].decode(), found["token"].decode())
        at = body.rfind(b"[[", 0, at)
    return None


def name_attempt(attempt_id: str) -> str:
    """Return the marker by which a mocked text names its attempt."""
    return f"<<{attempt_id}>>"


def find_attempts(text: str) -> tuple[str, ...]:
    """Return the attempts that a text names, in order, repeats kept."""
    return tuple(_ATTEMPT.findall(text))
