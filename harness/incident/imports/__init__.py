"""Status pages' histories, as programs can read them, become incidents. Pure: text in, incidents out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import UsageError
from harness.incident.imports import google, statuspage
from harness.incident.imports.story import Story, Unusable, incident_of
from harness.incident.schema import Incident

_INCIDENTS_MAX = 10_000
_KNOWN = "incidents.json of Atlassian Statuspage, incident.io or Google Cloud"


@dataclass(frozen=True, slots=True)
class ImportedHistory:
    """What a history holds.

    Attributes:
        incidents: By name, the oldest first.
        left_out: Titles of the others, each with the reason.
    """

    incidents: Mapping[str, Incident]
    left_out: Mapping[str, str]


def imported(raw: str, where: str, on: str | None = None) -> ImportedHistory:
    """Return the incidents of a status page's history.

    Args:
        raw: The JSON that the page answered.
        where: The file's name, for errors.
        on: The vendor that it is about; known by the page or product if None.

    Raises:
        UsageError: It is no such history.
    """
    history = _parsed(raw, where)
    try:
        found = list(google.stories(history, on) if isinstance(history, list) else statuspage.stories(history, on))
    except Unusable as reason:
        raise UsageError(str(reason), where=where, known=_KNOWN) from None
    incidents: dict[str, Incident] = {}
    left_out: dict[str, str] = {}
    latest: dict[str, tuple[str, Story | Unusable]] = {}
    for identity, title, story in found[:_INCIDENTS_MAX]:
        before = latest.get(identity)  # a page may repeat what another one has
        if before is None or _until(story) > _until(before[1]):
            latest[identity] = (title, story)
    for title, story in latest.values():
        try:
            if isinstance(story, Unusable):
                raise story
            incidents[free_name(story.name, incidents)] = incident_of(story)
        except Unusable as reason:
            left_out[free_name(" ".join(title.split())[:120], left_out)] = str(reason)
    return ImportedHistory(dict(sorted(incidents.items(), key=lambda each: each[1].start)), left_out)


def _parsed(raw: str, where: str) -> Any:
    try:
        history = json.loads(raw)
    except json.JSONDecodeError as error:
        raise UsageError(f"not JSON: {error.msg}", where=f"{where}:{error.lineno}") from None
    except (RecursionError, ValueError):  # ValueError: a number with too many digits
        raise UsageError("not JSON that can be read: nested too deeply, or too large a number", where=where) from None
    if isinstance(history, dict) and "incidents" in history:
        return history
    if isinstance(history, list) and all(isinstance(each, dict) for each in history):
        return history
    raise UsageError("not the history of a status page", where=where, known=_KNOWN)


def _until(story: Story | Unusable) -> float:
    return story.until.timestamp() if isinstance(story, Story) else 0.0


def free_name(name: str, taken: Mapping[str, object]) -> str:
    """Return a name that is not taken, with a number if need be."""
    return next(each for each in (name, *(f"{name[:76]}-{n}" for n in range(2, len(taken) + 3))) if each not in taken)
