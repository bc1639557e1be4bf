"""A provider's answer as plain data: the joint between the engines.

Dialects write it, faults rewrite it, the edge plays it on a socket, sim plays it on a virtual clock.
`Wait, Head` withholds the headers; `Head, Wait` is a slow first token; `Reset` alone is a reset before any answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers leave."""

    status: int
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing leaves for `ns` nanoseconds."""

    ns: int


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes of the body leave; `text` is the part of the model's text they carry."""

    data: bytes
    text: str = ""


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
