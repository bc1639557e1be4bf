"""The load process's start message, checked."""

from __future__ import annotations

import re

from harness.errors import HarnessError
from harness.lines import read
from harness.live.worker_messages import JoinStart, MasterStart
from harness.messages import LoadStart

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def read_start(line: bytes) -> LoadStart | MasterStart | JoinStart:
    """Return the start message.

    Raises:
        HarnessError: It is not one, or a header cannot be sent; the message does not contain its value, which may be a secret.
    """
    try:
        start: LoadStart | MasterStart | JoinStart = read(line, LoadStart, MasterStart, JoinStart)
    except ValueError as error:
        raise HarnessError(f"unreadable start message: {error}", where="load") from None
    if isinstance(start, LoadStart):
        check_headers(start)
    return start


def check_headers(start: LoadStart) -> None:
    """Raise a HarnessError if a header of a start message cannot be sent."""
    for name, value in start.headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise HarnessError(f"header {name!r} cannot be sent", where="load", hint="one line of printable Latin-1")
