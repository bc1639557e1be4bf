"""A delay on the wire: as headers, as words, and back."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import Literal, NamedTuple

from harness.provider.answer import Delay
from harness.provider.reply import Headers

MS = 10**6
S = 10**9

Way = Literal["seconds", "seconds+ms", "body"]
"""How a dialect usually tells a delay: `seconds+ms` adds milliseconds where whole seconds say too much."""

_UNITS_NS = {"ms": MS, "s": S, "m": 60 * S, "h": 3600 * S}
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)")
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h))+")
_WORDS = re.compile(r"(?:try again|retry) (?:in|after) (?:(\d{1,9}) seconds?|(" + _DURATION.pattern + "))")


class Told(NamedTuple):
    """A delay as an answer tells it.

    Attributes:
        headers: That tell it; none where the body does.
        ns: What is told, after rounding, in nanoseconds; None if nothing is.
        in_body: Whether the body is what tells it.
        usual: Whether the provider was left to its own way, in which it may say it twice.
    """

    headers: Headers = ()
    ns: int | None = None
    in_body: bool = False
    usual: bool = False


NOTHING = Told()


def tell(delay: Delay | None, usual: Way) -> Told:
    """Return how a delay is told.

    Args:
        delay: What is to be told; None for nothing.
        usual: The dialect's way, where the delay does not say how.
    """
    if delay is None:
        return NOTHING
    way = delay.told_as or usual
    own = delay.told_as is None
    seconds, ms = -(-delay.ns // S), -(-delay.ns // MS)
    if way == "date":
        at_s = -(-(delay.wall_ns + delay.ns) // S)
        return Told((("retry-after", formatdate(at_s, usegmt=True)),), at_s * S - delay.wall_ns)
    if way == "body":
        return Told((), ms * MS, in_body=True, usual=own)
    if way == "ms":
        return Told((("retry-after-ms", str(ms)),), ms * MS)
    whole = ("retry-after", str(seconds))
    if way == "seconds+ms" and delay.ns % S:
        return Told((whole, ("retry-after-ms", str(ms))), ms * MS, usual=own)
    return Told((whole,), seconds * S, usual=own)


def spelled(ns: int) -> str:
    """Return a duration as Go writes it, in whole milliseconds: `120ms`, `1.5s`, `6m0s`."""
    ms = -(-ns // MS)
    if 0 < ms < 1000:
        return f"{ms}ms"
    minutes, ms = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{ms // 1000}.{ms % 1000:03d}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def with_words(message: str, told: Told) -> str:
    """Return an error message that tells a delay too, where the body is to tell it."""
    return f"{message} Please try again in {spelled(told.ns or 0)}." if told.in_body else message


def read(duration: str) -> int | None:
    """Return a duration such as `46s`, `1.500s` or `6m0s` in nanoseconds; None if it is none."""
    if not _DURATION.fullmatch(duration):
        return None
    return sum(round(float(amount) * _UNITS_NS[unit]) for amount, unit in _AMOUNT.findall(duration))


def in_words(message: object) -> int | None:
    """Return the delay that an error message tells in words, in nanoseconds; None if it tells none."""
    found = _WORDS.search(message) if isinstance(message, str) else None
    if found is None:
        return None
    return int(found[1]) * S if found[1] else read(found[2])
