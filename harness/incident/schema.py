"""The fields of an incident's file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from harness.document.marks import (
    STRICT,
    BeforeValidator,
    Gt,
    Len,
    PlainSerializer,
    WithJsonSchema,
    field_error,
    key_of,
    schema_checked,
)
from harness.document.units import LongDuration, share, share_text
from harness.provider.inject import Inject
from harness.provider.window import ShareBy

_INSTANT = "%Y-%m-%dT%H:%M:%S"
_PLACE = re.compile(r"windows\[(?:\*|(?P<first>\d{1,3})(?:-(?P<last>\d{1,3}))?)\]\.(?P<field>\w+)")


@dataclass(frozen=True, slots=True)
class ShareBand:
    """Between which shares the true one lies.

    Attributes:
        low: From 0 to 1.
        high: The same number where the share is known.
    """

    low: float
    high: float


def _band(value: object) -> ShareBand:
    """Return `30%`, or `[5%, 30%]` where only a band is known."""
    if isinstance(value, ShareBand):
        return value
    if not isinstance(value, list):
        both = share(value)
        return ShareBand(both, both)
    if len(value) != 2:
        raise field_error("expected a share, or its low and its high end", known="30%, [5%, 30%]")
    low, high = (share(end) for end in value)
    if low > high:
        raise field_error("the low end comes first", hint=f"[{share_text(high)}, {share_text(low)}]")
    return ShareBand(low, high)


def _band_text(band: ShareBand) -> str | list[str]:
    if band.low == band.high:
        return share_text(band.low)
    return [share_text(band.low), share_text(band.high)]


def _instant(value: object) -> datetime:
    """Return a time such as `2025-06-10T06:36:00Z`."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.strptime(value if isinstance(value, str) else "", f"{_INSTANT}Z").replace(tzinfo=UTC)
    except ValueError:
        hint = "write it in UTC, with seconds and a Z"
        raise field_error("expected a time in UTC", known="2025-06-10T06:36:00Z", hint=hint) from None


def _instant_text(at: datetime) -> str:
    return at.strftime(f"{_INSTANT}Z")


def _several(value: object) -> object:
    """Return one fault, or a list of them, as a tuple."""
    return tuple(value) if isinstance(value, list) else (value,)


ShareBandText = Annotated[
    ShareBand,
    BeforeValidator(_band),
    PlainSerializer(_band_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"},
                {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
            ],
            "examples": ["30%", ["5%", "30%"]],
        }
    ),
]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(_instant_text),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2025-06-10T06:36:00Z"]}),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentWindow:
    """What callers met during a part of an incident, as far as it is known.

    Attributes:
        on: The vendor that it hit, by LiteLLM's name for it, such as `openai` or `vertex_ai`; or a list of vendors.
        at: When it began, from the incident's start, in nanoseconds.
        for_: How long it lasted, in nanoseconds.
        inject: What went wrong; a list of alternatives where it is not known which of them it was; an empty list where no fault can
            play it, as for a wrong answer that looks right.
        share: Share of the requests that met it; a band, its low and its high end, where no number is known. The shares of windows at
            the same time add up.
        share_by: Whether each `attempt` had the same chance to fail, or the same `caller`s failed again and again.
        models: The models that it hit, or the APIs, by the source's names; None for all.
        streaming: Only streams, or only plain answers.
        note: What is known about it beyond the fields.
    """

    __pydantic_config__ = STRICT

    on: Annotated[tuple[str, ...], Len(1, 10), BeforeValidator(_several)]
    at: LongDuration
    for_: Annotated[LongDuration, Gt(0)]
    inject: Annotated[tuple[Inject, ...], Len(0, 4), BeforeValidator(_several)]
    share: ShareBandText
    share_by: ShareBy = "attempt"
    models: Annotated[tuple[str, ...], Len(1, 50)] | None = None
    streaming: bool | None = None
    note: str = ""

    @property
    def end_ns(self) -> int:
        """When it ended, from the incident's start, in nanoseconds."""
        return self.at + self.for_


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident's file.

    Attributes:
        title: What happened, in one line.
        lesson: What it teaches about fallback chains, in a few words; empty where nobody wrote one yet.
        start: When callers first met it, in UTC.
        first_post: When the vendor's first notice was published; None if that is not known.
        cause: What failed outside the vendor, or failed several vendors at once; empty where no such cause is known.
        with_: Names of other incidents that the same cause brought about at the same time.
        windows: What callers met, and when.
        times: Where the times are from: `stated`, the source says when callers were hit; `announced`, they are those of its notices;
            `mixed`, some of each.
        precision: How exact the times are.
        account: Whose words the facts are from: the provider's own; its words `quoted` elsewhere; another's account in the press; a
            user's; or measured by `telemetry`.
        known: Fields that a source states, by their places, such as `start`, `windows[0].share`, `windows[0-2].share`, or
            `windows[*].share` for all windows.
        assumed: Fields that no source states, by their places, each with how its value was chosen.
        sources: Their addresses; for telemetry the names of its files.
    """

    __pydantic_config__ = STRICT

    title: Annotated[str, Len(1, 120)]
    lesson: Annotated[str, Len(0, 120)] = ""
    start: Instant
    first_post: Instant | None = None
    cause: str = ""
    with_: Annotated[tuple[str, ...], Len(0, 10)] = ()
    windows: Annotated[tuple[IncidentWindow, ...], Len(1, 50)]
    times: Literal["stated", "announced", "mixed"]
    precision: Literal["minute", "hour", "day"]
    account: Literal["provider", "quoted", "press", "user", "telemetry"]
    known: tuple[str, ...] = ()
    assumed: dict[str, str] = field(default_factory=dict)
    sources: Annotated[tuple[str, ...], Len(1, 20)]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return schema_checked(cls._begins, source, handler)

    def _begins(self) -> Incident:
        if min(window.at for window in self.windows) != 0:
            raise field_error("no window begins with the incident", hint="the first window begins at 0s")
        return self

    def fields_of(self, place: str) -> frozenset[str]:
        """Return the fields that a place in `known` or `assumed` means, each by a place of its own; none if there is no such field."""
        match = _PLACE.fullmatch(place)
        if match is None:
            named = {key_of(each.name) for each in fields(self)}
            return frozenset({place} & named)
        if match["field"] not in {key_of(each.name) for each in fields(IncidentWindow)}:
            return frozenset()
        first = int(match["first"] or 0)
        last = int(match["last"] or match["first"] or len(self.windows) - 1)
        if last >= len(self.windows):
            return frozenset()
        return frozenset(f"windows[{number}].{match['field']}" for number in range(first, last + 1))

    @property
    def end_ns(self) -> int:
        """When its last window ended, from its start, in nanoseconds."""
        return max(window.end_ns for window in self.windows)

    @property
    def vendors(self) -> tuple[str, ...]:
        """The vendors that it hit, each once."""
        return tuple(dict.fromkeys(vendor for window in self.windows for vendor in window.on))
