"""The load process's start message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.errors import HarnessError
from harness.scenario.plan import Arrival
from harness.scenario.schema import Load
from harness.store import decode

POOL = 1000
"""Requests in flight at once, at most, where the start message names no other bound."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupCall:
    """One call before the origin, so that a chain's first-call costs fall outside every metric."""

    request_id: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the runner tells the load process.

    Attributes:
        capture: Folder for the rows; None where nothing is recorded.
        token: The run's own, eight characters of a-z and 0-9.
        base_url: The chain's OpenAI-compatible address, ending in `/v1` as a rule.
        model: What callers ask for.
        headers: Sent along with every request; may hold secrets.
        arrivals: By `scheduled_ns`, in nanoseconds since the origin.
        load: Deadline and size of the requests.
        warmup: Calls to make before the ready message.
        pool: Requests in flight at once, at most; an arrival beyond them is dropped.
    """

    token: str
    base_url: str
    model: str
    load: Load
    arrivals: tuple[Arrival, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    warmup: tuple[WarmupCall, ...] = ()
    capture: str | None = None
    pool: int = POOL


def read_start(line: bytes) -> Start:
    """Return the start message.

    Raises:
        HarnessError: It is not one, or a header cannot be sent; the header's value is not told, it may be a secret.
    """
    try:
        start = decode(line, Start)
    except ValueError as error:
        raise HarnessError(f"unreadable start message: {error}", where="load") from None
    for name, value in start.headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise HarnessError(f"header {name!r} cannot be sent", where="load", hint="one line of printable Latin-1")
    return start
