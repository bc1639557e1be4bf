"""Histories of Atlassian Statuspage, and of incident.io, which answers in the same form with fewer fields: `/api/v2/incidents.json`.

Documented at https://confluence.status.atlassian.com/api. What real pages have in store: updates come newest first; an incident is
resolved and opened again, and `resolved_at` may be the first of both; `display_at` is before `created_at` where a page says since when;
`components` may be empty though updates name some.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from harness.incident.imports.reading import JsonItem, item, items, text, time
from harness.incident.imports.story import PageNotice, ServiceState, Story, Unusable

PAGES: Mapping[str, str] = {
    "groqstatus.com": "groq",
    "status.anthropic.com": "anthropic",
    "status.claude.com": "anthropic",
    "status.deepseek.com": "deepseek",
    "status.mistral.ai": "mistral",
    "status.openai.com": "openai",
    "status.openrouter.ai": "openrouter",
}
"""Whose page it is, by its host."""

_STATES: Mapping[str, ServiceState] = {
    "operational": "ok",
    "under_maintenance": "ok",
    "degraded_performance": "degraded",
    "partial_outage": "partial",
    "major_outage": "major",
    "full_outage": "major",
}
_WORST: tuple[ServiceState, ...] = ("ok", "degraded", "partial", "major")
_IMPACTS: Mapping[str, ServiceState] = {"none": "unknown", "minor": "elevated", "major": "partial", "critical": "major"}
_PLANNED = ("scheduled", "in_progress", "verifying")
_OVER = ("resolved", "postmortem", "completed")
_API = re.compile(r"\bapis?\b", re.IGNORECASE)
_ELSEWHERE = re.compile(r"\b(?:log ?in|sign(?:ing)?[ -]?in|billing|dashboard|console|mobile app)\b", re.IGNORECASE)
_REQUESTS = re.compile(r"\bapis?\b|request|model|stream|token|error rate", re.IGNORECASE)


def stories(page: JsonItem, on: str | None) -> Iterator[tuple[str, str, Story | Unusable]]:
    """Yield each incident of a page: its id, its title, and what it tells or why it cannot be used.

    Args:
        page: The answer.
        on: The vendor; that of the page's host if None.
    """
    about = item(page.get("page"), "page")
    address = text(about, "url").rstrip("/")
    host = re.sub(r"^https?://", "", address).partition("/")[0]
    vendor = on or PAGES.get(host)
    if vendor is None:
        raise Unusable(f"the page {host[:80]!r} is not known: name its vendor")
    for number, each in enumerate(items(page, "incidents")):
        title = str(each.get("name") or f"incidents[{number}]")
        try:
            yield text(each, "id", f"#{number}"), title, _story(each, address, vendor, about)
        except Unusable as reason:
            yield str(each.get("id", f"#{number}")), title, reason


def _story(each: JsonItem, address: str, vendor: str, about: JsonItem) -> Story:
    title, identity = text(each, "name"), text(each, "id")
    updates = items(each, "incident_updates")
    states = [state for update in updates for state in items(update, "affected_components")]
    components = [str(state.get("name")) for state in [*states, *items(each, "components")]]
    if components and not any(map(_API.search, components)):
        raise Unusable(f"no API is among what it names: {', '.join(dict.fromkeys(components))[:120]}")
    words = " ".join([title, *(text(update, "body", "") for update in updates)])
    if not components and _ELSEWHERE.search(words) and not _REQUESTS.search(words):
        raise Unusable("it names no API, and no requests")
    if text(each, "impact", "none") == "maintenance" or any(update.get("status") in _PLANNED for update in updates):
        raise Unusable("planned maintenance")
    notices, zones = [], []
    by_component: dict[str, ServiceState] = {}
    level: ServiceState = "ok"
    for update in sorted(updates, key=lambda update: time(update, "display_at", "created_at")[0]):
        at, zoneless = time(update, "display_at", "created_at")
        zones.append(zoneless)
        level = _level(update, level, by_component, text(each, "impact", "none"))
        notices.append(PageNotice(at, level, text(update, "body", ""), time(update, "created_at", "display_at")[0]))
    if not notices:
        raise Unusable("it has no updates")
    begin, zoneless = time(each, "started_at", "created_at")
    first, _ = min((time(update, "created_at", "display_at") for update in updates), key=lambda found: found[0])
    if begin < notices[0].at:
        notices[0] = replace(notices[0], at=begin)
    link = text(each, "shortlink", "")
    copied = time(about, "updated_at")[0] if about.get("updated_at") else notices[-1].at
    return Story(
        title=title,
        source=link
        if link.startswith("https://")
        else f"https://{address.partition('://')[2] or address}/incidents/{identity}",
        on=(vendor,),
        first_post=first.replace(microsecond=0),
        notices=tuple(notices),
        until=max(copied, notices[-1].at),
        zoneless=zoneless or any(zones),
    )


def _level(update: JsonItem, before: ServiceState, by_component: dict[str, ServiceState], impact: str) -> ServiceState:
    """Return the state of the service after an update: that of its components where it names any, else what its status means."""
    status = text(update, "status")
    named = [state for state in items(update, "affected_components") if _API.search(str(state.get("name")))]
    for state in named:
        by_component[str(state.get("code") or state.get("name"))] = _STATES.get(
            str(state.get("new_status")), "degraded"
        )
    if status in _OVER:
        by_component.clear()
        return "ok"
    if named:
        return max(by_component.values(), key=_WORST.index)
    if status == "monitoring":
        return "ok" if by_component and before == "ok" else "degraded"
    return before if before not in ("ok", "degraded") else _IMPACTS.get(impact, "unknown")
