"""A delay in an answer: as headers, as words, and back."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import Literal, NamedTuple

from harness.provider.answer import Delay
from harness.provider.reply import Headers
from harness.quantities import MS, S

UsualForm = Literal["seconds", "seconds+ms", "body"]
"""How a dialect usually sends a delay: `seconds+ms` adds milliseconds where whole seconds are too coarse."""

_UNITS_NS = {"ms": MS, "s": S, "m": 60 * S, "h": 3600 * S}
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)")
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h))+")
_WORDS = re.compile(r"(?:try again|retry) (?:in|after) (?:(\d{1,9}) seconds?|(" + _DURATION.pattern + "))")


class SentDelay(NamedTuple):
    """A delay as an answer carries it.

    Attributes:
        headers: That carry it; none where the body does.
        ns: Its length as sent, after rounding, in nanoseconds; None if there is no delay.
        in_body: Whether the body carries it.
        usual: Whether it has the provider's usual form, which may be in headers and body alike.
    """

    headers: Headers = ()
    ns: int | None = None
    in_body: bool = False
    usual: bool = False


NOTHING = SentDelay()


def sent(delay: Delay | None, usual: UsualForm) -> SentDelay:
    """Return how a delay is sent.

    Args:
        delay: The delay; None for none.
        usual: The dialect's form, where the delay has none of its own.
    """
    if delay is None:
        return NOTHING
    form = delay.form or usual
    own = delay.form is None
    seconds, ms = -(-delay.ns // S), -(-delay.ns // MS)
    if form == "date":
        at_s = -(-(delay.wall_ns + delay.ns) // S)
        return SentDelay((("retry-after", formatdate(at_s, usegmt=True)),), at_s * S - delay.wall_ns)
    if form == "body":
        return SentDelay((), ms * MS, in_body=True, usual=own)
    if form == "ms":
        return SentDelay((("retry-after-ms", str(ms)),), ms * MS)
    whole = ("retry-after", str(seconds))
    if form == "seconds+ms" and delay.ns % S:
        return SentDelay((whole, ("retry-after-ms", str(ms))), ms * MS, usual=own)
    return SentDelay((whole,), seconds * S, usual=own)


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


def with_words(message: str, delay: SentDelay) -> str:
    """Return an error message with the delay in it, where the body carries it."""
    return f"{message} Please try again in {spelled(delay.ns or 0)}." if delay.in_body else message


def read(duration: str) -> int | None:
    """Return a duration such as `46s`, `1.500s` or `6m0s` in nanoseconds; None if it is none."""
    if not _DURATION.fullmatch(duration):
        return None
    return sum(round(float(amount) * _UNITS_NS[unit]) for amount, unit in _AMOUNT.findall(duration))


def in_words(message: object) -> int | None:
    """Return the delay in the words of an error message, in nanoseconds; None if there is none."""
    found = _WORDS.search(message) if isinstance(message, str) else None
    if found is None:
        return None
    return int(found[1]) * S if found[1] else read(found[2])
