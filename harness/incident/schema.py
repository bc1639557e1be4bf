"""The fields of an incident's file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
    schema_checked,
)
from harness.document.units import LongDuration, share, share_text
from harness.provider.inject import Inject
from harness.provider.window import ShareBy


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
    known, hint = "2025-06-10T06:36:00Z", "write it in UTC, with a Z"
    if not isinstance(value, str) or not value.endswith("Z"):
        raise field_error("expected a time in UTC", known=known, hint=hint)
    try:
        return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        raise field_error("expected a time in UTC", known=known, hint=hint) from None


def _instant_text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _several(value: object) -> object:
    """Return one fault, or a list of them, as a tuple."""
    return tuple(value) if isinstance(value, list) else (value,)


Band = Annotated[
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
    """What callers met during a part of an incident: a fault as in a scenario, as far as it is known.

    Attributes:
        on: The vendors that it hit, by the names of their dialects: `openai`, `anthropic`.
        at: When it began, from the incident's start, in nanoseconds.
        for_: How long it lasted, in nanoseconds.
        inject: What went wrong; several where nobody knows which of them it was: each is played. Nothing where no fault can play it:
            a wrong answer that looks right.
        share: Share of the requests that met it; a band where only that is known: both ends are played.
        share_by: Whether each `attempt` had the same chance to fail, or the same `caller`s failed again and again.
        models: The models that it hit; None for all.
        streaming: Only streams, or only plain answers.
        note: What is known about it beyond the fields, in a sentence.
    """

    __pydantic_config__ = STRICT

    on: Annotated[tuple[str, ...], Len(1, 10), BeforeValidator(_several)]
    at: LongDuration
    for_: Annotated[LongDuration, Gt(0)]
    inject: Annotated[tuple[Inject, ...], Len(0, 4), BeforeValidator(_several)]
    share: Band
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
        lesson: What it teaches about fallback chains, in a few words.
        start: When callers first met it.
        first_post: When the vendor's first notice was published; None if that is not known.
        cause: What it was that several vendors share; empty where nothing is known of one.
        with_: Names of other incidents that the same cause brought about: they are played together.
        windows: What callers met, when.
        times: Whether the source states when callers were hit, or the times are those of its notices, or both.
        precision: Of those times.
        account: Whose account it is.
        known: Fields that a source states, by their place: `windows[0].share`.
        assumed: Fields that no source states, with how they were filled.
        sources: Addresses.
    """

    __pydantic_config__ = STRICT

    title: Annotated[str, Len(1, 120)]
    lesson: Annotated[str, Len(1, 120)]
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

    @property
    def end_ns(self) -> int:
        """When its last window ended, from its start, in nanoseconds."""
        return max(window.end_ns for window in self.windows)

    @property
    def vendors(self) -> tuple[str, ...]:
        """The vendors that it hit, each once."""
        return tuple(dict.fromkeys(vendor for window in self.windows for vendor in window.on))
