"""What HTTP and TCP lay down: successes, answers without a body, framing headers, errors of a reset."""

from __future__ import annotations

import errno

SUCCESS = range(200, 300)
"""Statuses of a success. A redirect (3xx) is none: it holds no answer."""

HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
"""Headers that concern one connection, so that they are not passed on; names in small letters."""

FRAMING = HOP_BY_HOP | {"content-length"}
"""Headers that only the sender of a message can set: a wrong one breaks this message, or the next on its connection."""

RESET = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})
"""Numbers of the errors by which a system reports that the other side has reset the connection."""
_WITHOUT_BODY = frozenset({204, 304})


def is_success(status: int | None) -> bool:
    """Return whether a status is a success (2xx); False where there is none."""
    return status in SUCCESS


def has_body(status: int) -> bool:
    """Return whether an answer of this status has a body (RFC 9110, section 6.4.1)."""
    return status >= SUCCESS.start and status not in _WITHOUT_BODY
