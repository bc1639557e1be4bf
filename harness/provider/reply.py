"""A provider's answer as plain data: the joint between the engines.

Dialects write it, faults rewrite it, the edge plays it on a socket, sim plays it on a virtual clock.
`Wait, Head` withholds the headers; `Head, Wait` is a slow first token; `Reset` alone is a reset before any answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

EventRole = Literal["", "finish", "usage", "done"]
"""`finish` says why the answer ended, `usage` what it took, `done` that nothing follows; several in one are `finish`."""

Headers = tuple[tuple[str, str], ...]
"""Names in small letters."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers leave."""

    status: int
    headers: Headers


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing leaves for `ns` nanoseconds."""

    ns: int


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes of the body leave.

    Attributes:
        data: In a stream one whole event, or several that belong together; in a plain answer any part of the body.
        text: The part of the model's text that they carry. In a stream, a token is a `Send` with text.
        part: What the event is for, where it is no token.
    """

    data: bytes
    text: str = ""
    part: EventRole = ""


@dataclass(frozen=True, slots=True)
class End:
    """The body ends properly."""


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is closed (FIN), the body unterminated."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST)."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing leaves ever again; the connection stays open until the client goes."""


Step = Head | Wait | Send | End | Close | Reset | Hang
Reply = Iterable[Step]
