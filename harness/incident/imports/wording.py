"""What the words of a notice say about a fault: its kind, its share, its time. Words are vague: what is found here is a guess."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from harness.incident.schema import ShareBand
from harness.provider.inject import Inject
from harness.quantities import S

_STATUS = re.compile(r"(?<![\w.:$#/-])(4(?:00|01|03|04|08|29)|5(?:00|02|03|04|20|22|24|29|30))s?(?![\w%:]|[.,]\d|\s*%)")
_TIMEOUT = re.compile(r"time[ds]?[ -]?out", re.IGNORECASE)
_RATE_LIMIT = re.compile(r"rate[ -]limit", re.IGNORECASE)
_CONNECTION = re.compile(
    r"connection (?:error|failure|reset|issue|problem)s?|connectivity|cannot connect", re.IGNORECASE
)
_ERROR = re.compile(r"error|fail|unavailable|outage|\bdown\b", re.IGNORECASE)
_FIRST_TOKEN = re.compile(r"first token|ttft|(?:begin|start)\w* later|delays? (?:in )?starting", re.IGNORECASE)
_SLOW = re.compile(r"latenc|slow|delay|longer than usual|take longer", re.IGNORECASE)
_NONE = re.compile(r"\b(?:no|without|not? any)\s+(?:\w+\s+)?(?:errors?|failures?|outages?)\b", re.IGNORECASE)
_INJECTS_MAX = 4

_SENTENCE = re.compile(r"(?<=[a-z)%])[.;\n](?:\s|$)|\n", re.IGNORECASE)
_PERCENT = re.compile(
    r"(?P<most>(?:up to|at most|as much as|peak\w*(?: at| of)?)\s+)?(?:about |around |roughly |~ ?)?"
    r"(?:(?P<low>\d{1,3}(?:\.\d+)?)\s*%?\s*(?:-|–|to|and)\s*)?(?P<high>\d{1,3}(?:\.\d+)?)\s*(?:%|percent)",
    re.IGNORECASE,
)
_OF_FAILURES = re.compile(r"fail|error|reject|affected|impacted|\b[45]\d\d\b|time[ds]? ?out", re.IGNORECASE)
_OF_SUCCESS = re.compile(r"success|availab|normal|recover|restored|capacity|served", re.IGNORECASE)

_HALF = re.compile(r"\b([ap])\.\s?m\.?", re.IGNORECASE)  # p.m. does not end a sentence
_TIME = r"(?P<h{n}>\d{{1,2}}):(?P<m{n}>[0-5]\d)\s*(?P<half{n}>[ap]m\b)?"
_ZONE = r"(?:\(?(?P<zone{n}>UTC|GMT|PST|PDT|PT|US/Pacific|Pacific|EST|EDT|ET|US/Eastern|Eastern|CET|CEST)\b\)?)?"
_SPAN = re.compile(
    rf"(?<![\d:-]){_TIME.format(n=1)}\s*{_ZONE.format(n=1)}\s*(?:to|and|until|till|through|-|–|—)\s*"
    rf"{_TIME.format(n=2)}\s*{_ZONE.format(n=2)}",
    re.IGNORECASE,
)
_PACIFIC, _EASTERN = -8, -5
_LOCAL = {
    **dict.fromkeys(("PST", "PDT", "PT", "US/PACIFIC", "PACIFIC"), _PACIFIC),
    **dict.fromkeys(("EST", "EDT", "ET", "US/EASTERN", "EASTERN"), _EASTERN),
}
"""Hours from UTC in winter. `PST` is local time in summer too: people write it all year."""
_FIXED = {"UTC": 0, "GMT": 0, "CET": 1, "CEST": 2}


def injected(text: str, whole: str, vendor: str) -> tuple[tuple[Inject, ...], str]:
    """Return the faults that a phase may have been, and how they were chosen.

    Args:
        text: Of the notices about the phase.
        whole: Of all notices about the incident: asked where the first says nothing.
        vendor: Some statuses are one vendor's own.
    """
    for told in (text, whole):
        if found := _named(told):
            return found
    statuses = (500, 503, 529) if vendor == "anthropic" else (500, 503)
    return tuple(Inject(status=status) for status in statuses), "kind of error not stated"


def _named(text: str) -> tuple[tuple[Inject, ...], str] | None:
    text = _NONE.sub("", text)
    statuses = [int(status) for status in dict.fromkeys(_STATUS.findall(text))]
    if not statuses and _RATE_LIMIT.search(text):
        statuses = [429]
    if statuses:
        several = "; in which parts is not stated" if len(statuses) > 1 else ""
        return tuple(Inject(status=status) for status in statuses[:_INJECTS_MAX]), f"named in a notice{several}"
    if _TIMEOUT.search(text):
        return (Inject(connection="silent"),), "a notice names timeouts"
    if _CONNECTION.search(text):
        return (Inject(connection="reset"),), "a notice names connections"
    if _ERROR.search(text):
        return None
    if _FIRST_TOKEN.search(text):
        return (Inject(ttft=2 * S), Inject(ttft=5 * S)), "slowdown not stated, so 2 or 5 times 1 s to the first token"
    if _SLOW.search(text):
        how = "slowdown not stated, so 2 or 5 times 1 s to the first token and 50 tokens per second"
        return (Inject(ttft=2 * S, tokens_per_second=25.0), Inject(ttft=5 * S, tokens_per_second=10.0)), how
    return None


def share_in(text: str) -> ShareBand | None:
    """Return the share of failures that a text states: the last one; None if it states none."""
    shares = [_failing(sentence, 0, len(sentence)) for sentence in _SENTENCE.split(text)]
    return next((share for share in reversed(shares) if share is not None), None)


def _band(match: re.Match[str]) -> ShareBand | None:
    high = float(match["high"]) / 100
    low = float(match["low"]) / 100 if match["low"] else 0.0 if match["most"] else high
    return ShareBand(low, high) if 0 < high <= 1 and low <= high else None


def spans_in(text: str, *, near: datetime) -> Iterator[tuple[datetime, datetime, ShareBand | None]]:
    """Yield the times that a text states, each with the share that it states in the same sentence: before the time, else after it.

    Args:
        text: A notice.
        near: What has no date is on the day that brings it nearest to this.
    """
    for sentence in _SENTENCE.split(_HALF.sub(r"\1m", text)):
        matches = list(_SPAN.finditer(sentence))
        edges = [0, *(edge for match in matches for edge in match.span()), len(sentence)]
        for number, match in enumerate(matches):
            before, after = (edges[2 * number + n] for n in (0, 2)), (edges[2 * number + n] for n in (1, 3))
            if (span := _span(match, near)) is not None:
                shares = [_failing(sentence, begin, end) for begin, end in zip(before, after, strict=True)]
                yield (*span, next((share for share in shares if share is not None), None))


def _failing(sentence: str, begin: int, end: int) -> ShareBand | None:
    """Return the last share in a part of a sentence, if the sentence is about failures."""
    if not _OF_FAILURES.search(sentence) or _OF_SUCCESS.search(sentence, begin, end):
        return None
    return next(
        (band for each in reversed(list(_PERCENT.finditer(sentence, begin, end))) if (band := _band(each))), None
    )


def _span(match: re.Match[str], near: datetime) -> tuple[datetime, datetime] | None:
    zone = (match["zone2"] or match["zone1"] or "UTC").upper()
    halves = [(match["half1"] or match["half2"] or "").lower(), (match["half2"] or "").lower()]
    minutes = [_minute(int(match[f"h{n}"]), int(match[f"m{n}"]), half) for n, half in zip((1, 2), halves, strict=True)]
    if match["half1"] is None and match["half2"] and None not in minutes and minutes[0] > minutes[1]:  # type: ignore[operator]
        minutes[0] = _minute(int(match["h1"]), int(match["m1"]), "am")  # 11:50 to 12:10 pm
    if minutes[0] is None or minutes[1] is None:
        return None
    length = timedelta(minutes=(minutes[1] - minutes[0]) % (24 * 60))
    if not length:
        return None
    begins = []
    for days in (-1, 0, 1):
        day = near.date() + timedelta(days=days)
        local = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes[0])
        begins.append(local - timedelta(hours=_hours(zone, day)))
    begin = min(begins, key=lambda at: abs(at - near))
    return begin, begin + length


def _minute(hour: int, minute: int, half: str) -> int | None:
    """Return the minute of the day; None if there is no such time."""
    if half:
        return (hour % 12 + (12 if half.startswith("p") else 0)) * 60 + minute if 1 <= hour <= 12 else None
    return hour * 60 + minute if hour < 24 else None


def _hours(zone: str, day: date) -> int:
    """Return a zone's hours from UTC on a day: summer in the US is from March's second Sunday to November's first."""
    if zone not in _LOCAL:
        return _FIXED.get(zone, 0)
    begin, end = _sunday(day.year, 3, 2), _sunday(day.year, 11, 1)
    return _LOCAL[zone] + (1 if begin <= day < end else 0)


def _sunday(year: int, month: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))
