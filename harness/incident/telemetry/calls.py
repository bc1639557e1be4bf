"""Calls of providers as telemetry tells of them: when each began, whom it asked, how it ended, and how long it took."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.incident.imports.story import Unusable
from harness.judge.tables.columns import Bools
from harness.provider.dialects.otel_names import vendor_called

CallInts = NDArray[np.integer]

OK, TIMED_OUT, BROKEN, OTHER = 0, 1, 2, 3
"""How a call ended; an HTTP status from 400 on stands for itself."""
NO_LATENCY: Final = -1

_BEGIN_NS, _END_NS = (round(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9 for year in (2000, 2200))
_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
_FINE = frozenset({"", "ok", "success", "succeeded", "none", "null", "nan", "false", "0", "unset", "status"})
_STATUS_OF = {
    "ratelimit": 429,
    "toomanyrequests": 429,
    "authentication": 401,
    "permissiondenied": 403,
    "notfound": 404,
    "badrequest": 400,
    "contextwindow": 400,
    "contentpolicy": 400,
    "unprocessable": 422,
    "overloaded": 529,
    "serviceunavailable": 503,
    "badgateway": 502,
    "gatewaytimeout": 504,
    "internalserver": 500,
}
"""What the names of clients' exceptions say, such as `RateLimitError`."""
_TIMEOUT = re.compile(r"time-?d?_?out|deadline|client_?left|cancell?ed")
_CONNECTION = re.compile(r"connect|reset|refused|cut|eof|dns|resol|unreachable|protocol|ssl|tls|socket|broken")


@lru_cache(maxsize=10_000)
def ending(status: object, error: object) -> int:
    """Return how a call ended.

    Args:
        status: The HTTP status, or a word such as `success`.
        error: The kind of error; empty or None for none.

    Raises:
        Unusable: Neither says it.
    """
    code = _code(status)
    if code is not None and code >= 400 and code != 499:  # 499: the gateway's word for a caller that left
        return code
    problem = str(error or "").strip().lower()
    word = str(status if status is not None and code is None else "").strip().lower()
    if problem not in _FINE and (_code(problem) or 400) >= 400:
        return _failure(problem)
    if code is not None:
        return OK if 100 <= code < 400 else TIMED_OUT if code == 499 else BROKEN
    if word in _FINE:
        if not word and not problem:
            raise Unusable("neither a status nor an error")
        return OK
    return _failure(word)


def _failure(problem: str) -> int:
    code = _code(problem)
    if code is not None and code >= 400:
        return TIMED_OUT if code == 499 else code
    letters = re.sub(r"[^a-z]", "", problem)
    named = next((code for name, code in _STATUS_OF.items() if name in letters), None)
    if named is not None:
        return named
    return TIMED_OUT if _TIMEOUT.search(problem) else BROKEN if _CONNECTION.search(problem) else OTHER


def _code(value: object) -> int | None:
    """Return an HTTP status; 0 where a log has it for no answer."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return int(number) if number == 0 or 100 <= number <= 599 else None


def instant_ns(value: object) -> tuple[int, bool]:
    """Return a time as nanoseconds since 1970, and whether it lacks a zone: then it is taken as UTC.

    Args:
        value: ISO 8601, or a number since 1970: its size says whether of seconds, or of milli-, micro- or nanoseconds.

    Raises:
        Unusable: It is no time, or one outside of this and the last century.
    """
    at, zoneless = _instant_ns(value)
    if not _BEGIN_NS <= at < _END_NS:
        raise Unusable("the time is before 2000 or after 2199")
    return at, zoneless


def _instant_ns(value: object) -> tuple[int, bool]:
    if isinstance(value, str):
        written = value.strip()
        try:
            if not written.replace(".", "", 1).isdecimal():
                at = datetime.fromisoformat(written.removesuffix(" UTC") + ("Z" if written.endswith(" UTC") else ""))
                whole = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
                return int(whole.replace(microsecond=0).timestamp()) * 10**9 + at.microsecond * 1000, at.tzinfo is None
            value = int(written) if written.isdecimal() else float(written)
        except (ValueError, OverflowError):
            raise Unusable("the time is none: write ISO 8601 with a zone, or a number since 1970") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**63:
        raise Unusable("the time is none: write ISO 8601 with a zone, or a number since 1970")
    unit = next((unit for most, unit in _UNITS if abs(value) < most), 1)
    return round(value * unit), False


class CallTable:
    """Grows call by call.

    Attributes:
        unknown: How many calls asked providers whose vendor is not known, by their names.
        unusable: How many rows could not be used.
        first_unusable: Where the first of them is, and why.
        zoneless: Some of the times have no zone.
        own: The vendor of providers that are not known; None if there is none.
    """

    def __init__(self, own: str | None) -> None:
        self.own = own
        self.unknown: Counter[str] = Counter()
        self.unusable = 0
        self.first_unusable: tuple[str, str] | None = None
        self.zoneless = False
        self._vendors: dict[str, int] = {}
        self._models: dict[str, int] = {}
        self._at, self._latency = array("q"), array("q")
        self._vendor, self._model, self._end = array("h"), array("i"), array("h")

    def __len__(self) -> int:
        return len(self._at)

    def add(self, at: tuple[int, bool], provider: str, model: str, end: int, latency_ns: int = NO_LATENCY) -> bool:
        """Add a call; return whether its vendor is known.

        Args:
            at: When it began, and whether that has no zone; see `instant_ns`.
            provider: As telemetry calls it; empty if it does not.
            model: May begin with the provider's name.
            end: How it ended; see `ending`.
            latency_ns: How long it took, in nanoseconds.
        """
        vendor = (vendor_called(provider) if provider else vendor_called(model) if "/" in model else None) or self.own
        if vendor is None:
            self.unknown[(provider or "no provider")[:80]] += 1
            return False
        self.zoneless |= at[1]
        self._at.append(at[0])
        self._vendor.append(self._vendors.setdefault(vendor, len(self._vendors)))
        self._model.append(self._models.setdefault(model.rpartition("/")[2][:120], len(self._models)))
        self._end.append(end)
        self._latency.append(min(latency_ns, 2**62))
        return True

    def refuse(self, where: str, reason: str) -> None:
        """Count a row that cannot be used."""
        self.unusable += 1
        self.first_unusable = self.first_unusable or (where, reason)

    def calls(self, keep: Bools | None = None) -> MeasuredCalls:
        """Return the calls in the order of time.

        Args:
            keep: Which of them; all if None.
        """
        at_ns = np.array(self._at, dtype=np.int64)
        order = np.argsort(at_ns, kind="stable")
        return MeasuredCalls(
            vendors=tuple(self._vendors),
            models=tuple(self._models),
            at_ns=at_ns,
            vendor=np.array(self._vendor),
            model=np.array(self._model),
            end=np.array(self._end),
            latency_ns=np.array(self._latency, dtype=np.int64),
        ).at(order if keep is None else order[keep[order]])


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCalls:
    """Calls in the order of time, as columns of one length.

    Attributes:
        vendors: The names that `vendor` counts.
        models: The names that `model` counts.
        at_ns: When each began, in nanoseconds since 1970.
        vendor: Whom it asked.
        model: For what.
        end: How it ended; see `ending`.
        latency_ns: How long it took; `NO_LATENCY` where that is not known.
    """

    vendors: tuple[str, ...]
    models: tuple[str, ...]
    at_ns: CallInts
    vendor: CallInts
    model: CallInts
    end: CallInts
    latency_ns: CallInts

    def at(self, place: Bools | CallInts) -> MeasuredCalls:
        """Return some of them."""
        return replace(
            self,
            at_ns=self.at_ns[place],
            vendor=self.vendor[place],
            model=self.model[place],
            end=self.end[place],
            latency_ns=self.latency_ns[place],
        )
