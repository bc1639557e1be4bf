"""One incident of a status page, in the terms that all pages share, and the incident that it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from harness.incident.imports import wording
from harness.incident.schema import Incident, IncidentWindow, ShareBand
from harness.quantities import S

ServiceState = Literal["ok", "degraded", "elevated", "partial", "major", "unknown"]

BANDS: Mapping[ServiceState, tuple[ShareBand, str]] = {
    "degraded": (ShareBand(0.0, 0.1), "degraded, taken as up to 10 %"),
    "elevated": (ShareBand(0.05, 0.3), "elevated errors, taken as 5 to 30 %"),
    "partial": (ShareBand(0.1, 0.5), "a partial outage, taken as 10 to 50 %"),
    "major": (ShareBand(0.5, 1.0), "a major outage, taken as 50 to 100 %"),
    "unknown": (ShareBand(0.05, 0.5), "taken as 5 to 50 %"),
}
"""Which share a page's word for the state of a service may mean, and how to say that; a choice of ours."""

_NEXT, _OPEN = "to the next notice", "still open when the page was copied"
_ROUNDED = timedelta(minutes=5)
"""How much later than its notice a time may be that people wrote."""
_DAYS_MAX, _WINDOWS_MAX, _TITLE_MAX, _NAME_MAX = 60, 50, 120, 80


class Unusable(Exception):  # noqa: N818 - a reason, which is shown beside the incidents that were read
    """An incident of a page that cannot be played, with the reason."""


@dataclass(frozen=True, slots=True)
class PageNotice:
    """What a page said at one moment.

    Attributes:
        at: When it was said, or when it became true if the page says so.
        level: The state of the service from then on; None if the notice does not change it.
        text: In the page's words.
        said: When it was published.
    """

    at: datetime
    level: ServiceState | None
    text: str
    said: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One incident of a status page.

    Attributes:
        title: The page's.
        source: Its address.
        on: Vendors that it hit.
        first_post: When the first notice was published.
        notices: In any order.
        until: When the page was copied: what has not ended lasts at least until then.
        times: Whether the page states when callers were hit; its notices may do so too.
        zoneless: Some of its times have no zone.
    """

    title: str
    source: str
    on: tuple[str, ...]
    first_post: datetime
    notices: tuple[PageNotice, ...]
    until: datetime
    times: Literal["stated", "announced"] = "announced"
    zoneless: bool = False

    @property
    def name(self) -> str:
        """Names its incident: vendor, date, title."""
        words = "-".join(re.findall(r"[a-z0-9]+", self.title.lower())) or "incident"
        return f"{self.on[0].replace('_', '-')}-{self.first_post:%Y-%m-%d}-{words}"[:_NAME_MAX].rstrip("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class _StateSpan:
    """A time in which the state of the service did not change.

    Attributes:
        begin: When it begins.
        end: When it ends.
        level: The state.
        text: What the notices said that hold for it.
        share: A share that they state; None if they do not.
        ends: How its end is known; empty if it is stated.
    """

    begin: datetime
    end: datetime
    level: ServiceState
    text: str
    share: ShareBand | None = None
    ends: str = ""


def incident_of(story: Story) -> Incident:
    """Return a page's incident as one that can be played.

    Raises:
        Unusable: It cannot be.
    """
    notices = sorted(story.notices, key=lambda notice: notice.at)
    spans = _spans(story, notices)
    phases = _within(spans, list(_phases(notices, story.until))) if spans else list(_phases(notices, story.until))
    if not phases:
        raise Unusable("no time in which callers were hit: it is over at its first notice, or has just begun")
    begin = min(phase.begin for phase in phases)
    if max(phase.end for phase in phases) - begin > timedelta(days=_DAYS_MAX):
        raise Unusable(f"longer than {_DAYS_MAX} days")
    if len(phases) > _WINDOWS_MAX:
        raise Unusable(f"more than {_WINDOWS_MAX} changes")
    told = " ".join([story.title, *(notice.text for notice in notices)])
    times = "stated" if spans else story.times
    start = [] if times == "stated" else ["time of the first notice"]
    start += ["no time zone is given, so UTC"] if story.zoneless else []
    known = ["windows[*].on", *([] if start else ["start"])]
    assumed = {"start": "; ".join(start)} if start else {}
    windows = []
    for number, phase in enumerate(phases):
        share, how = (phase.share, "") if phase.share is not None else BANDS[phase.level]
        inject, named = wording.injected(phase.text, told, story.on[0])
        ends = "" if phase is phases[-1] and story.times == "stated" and phase.ends == _NEXT else phase.ends
        places = {"share": f"not stated; {how}" if how else "", "inject": named, "for": ends}
        for field, text in places.items():
            if text:
                assumed[f"windows[{number}].{field}"] = text
            else:
                known.append(f"windows[{number}].{field}")
        at, length = phase.begin - begin, phase.end - phase.begin
        windows.append(IncidentWindow(on=story.on, at=_ns(at), for_=_ns(length), inject=inject, share=share))
    return Incident(
        title=" ".join(story.title.split())[:_TITLE_MAX] or "An incident without a title",
        start=begin,
        first_post=story.first_post,
        windows=tuple(windows),
        times=times,
        precision="minute",
        account="provider",
        known=tuple(known),
        assumed=assumed,
        sources=(story.source,),
    )


def _ns(length: timedelta) -> int:
    return round(length.total_seconds()) * S


def _phases(notices: Sequence[PageNotice], until: datetime) -> Iterator[_StateSpan]:
    """Yield the times between notices in which the service was not well; equal ones that follow each other are one."""
    level: ServiceState = "ok"
    changes: list[tuple[datetime, ServiceState, str]] = []
    for notice in notices:
        if notice.level is None or notice.level == level:
            if changes:
                changes[-1] = (*changes[-1][:2], f"{changes[-1][2]} {notice.text}")
            continue
        level = notice.level
        changes.append((notice.at.replace(microsecond=0), level, notice.text))
    ends = [*changes, (until.replace(microsecond=0), "ok", "")]
    for number, ((begin, level, text), (end, _, _)) in enumerate(pairwise(ends), start=1):
        if level != "ok" and end > begin:
            share = wording.share_in(text)
            how = _OPEN if number == len(changes) else _NEXT
            yield _StateSpan(begin=begin, end=end, level=level, text=text, share=share, ends=how)


def _spans(story: Story, notices: Sequence[PageNotice]) -> list[_StateSpan]:
    """Return the times that the latest notice with such times states, in order; what it says of the future is no time of failures."""
    near = min([story.first_post, *(notice.at for notice in notices if notice.level not in (None, "ok"))])
    for notice in reversed(notices):
        found = {
            (begin, end): _StateSpan(begin=begin, end=end, level="unknown", text=notice.text, share=share)
            for begin, end, share in wording.spans_in(notice.text, near=near)
            if end <= notice.said + _ROUNDED
        }
        if found:
            return [found[times] for times in sorted(found)]
    return []


def _within(spans: Sequence[_StateSpan], phases: Sequence[_StateSpan]) -> list[_StateSpan]:
    """Return the phases with the stated begins and ends; a span that no phase overlaps is a phase itself."""
    found: list[_StateSpan] = []
    for span in spans:
        inside = [phase for phase in phases if phase.begin < span.end and phase.end > span.begin]
        if span.share is not None or not inside:
            found.append(span)
            continue
        parts = [replace(each, begin=max(each.begin, span.begin), end=min(each.end, span.end)) for each in inside]
        parts[0] = replace(parts[0], begin=span.begin)
        parts[-1] = replace(parts[-1], end=span.end, ends="")
        found += parts
    return found
