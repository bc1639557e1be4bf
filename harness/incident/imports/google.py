"""Google Cloud's history: https://status.cloud.google.com/incidents.json, whose fields `incidents.schema.json` beside it describes.

Products are known by their ids, because their titles get renamed. `begin` and `end` are when callers were hit, not when it was said;
`end` is missing while an incident is open. Times in texts are mostly US Pacific time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from harness.incident.imports.reading import JsonItem, items, text, time
from harness.incident.imports.story import PageNotice, ServiceState, Story, Unusable

PRODUCTS: Mapping[str, str] = {
    "Z0FZJAMvEB4j3NbCJs6B": "vertex_ai",  # Vertex Gemini API
    "sdXM79fz1FS6ekNpu37K": "vertex_ai",  # Vertex AI Online Prediction
}
"""Whose requests a product serves, by its id."""

_STATES: Mapping[str, ServiceState] = {
    "AVAILABLE": "ok",
    "SERVICE_INFORMATION": "degraded",
    "SERVICE_DISRUPTION": "partial",
    "SERVICE_OUTAGE": "major",
}
_ADDRESS = "https://status.cloud.google.com/"


def stories(history: Sequence[JsonItem], on: str | None) -> Iterator[tuple[str, str, Story | Unusable]]:
    """Yield each incident of the history: its id, its title, and what it tells or why it cannot be used.

    Args:
        history: The answer.
        on: The vendor; that of the products if None.
    """
    for number, each in enumerate(history):
        title = str(each.get("external_desc") or f"[{number}]")
        try:
            yield text(each, "id", f"#{number}"), title, _story(each, on)
        except Unusable as reason:
            yield str(each.get("id", f"#{number}")), title, reason


def _story(each: JsonItem, on: str | None) -> Story:
    products = items(each, "affected_products")
    ids = [str(product.get("id")) for product in products]
    vendors = tuple(dict.fromkeys(PRODUCTS[each] for each in ids if each in PRODUCTS))
    if not vendors:
        named = ", ".join(str(product.get("title")) for product in products)
        raise Unusable(f"no product that serves models: {named[:120]}")
    begin, zoneless = time(each, "begin", "created")
    first = time(each, "created", "begin")[0]
    end = time(each, "end")[0] if each.get("end") else None
    modified = time(each, "modified")[0] if each.get("modified") else first
    notices = list(_notices(each, begin, end))
    return Story(
        title=text(each, "external_desc"),
        source=_ADDRESS + text(each, "uri", f"incidents/{text(each, 'id')}").lstrip("/"),
        on=(on,) if on else vendors,
        first_post=first.replace(microsecond=0),
        notices=tuple(notices),
        until=end or max([modified, *(notice.at for notice in notices)]),
        times="stated",
        zoneless=zoneless,
    )


def _notices(each: JsonItem, begin: datetime, end: datetime | None) -> Iterator[PageNotice]:
    """Yield what was said, the first of it from the beginning on, and nothing after the end but words."""
    updates = sorted(items(each, "updates"), key=lambda update: time(update, "when", "created")[0])
    worst = _STATES.get(text(each, "status_impact", ""), "unknown")
    for number, update in enumerate(updates):
        at, level = time(update, "when", "created")[0], _STATES.get(text(update, "status", ""))
        said, words = time(update, "created", "when")[0], text(update, "text", "")
        if number == 0:
            yield PageNotice(begin, worst if level in (None, "ok") else level, "" if level == "ok" else words, said)
        if number > 0 or level == "ok":
            over = end is not None and at >= end
            yield PageNotice(max(at, begin), None if over else level, words, said)
    if not updates:
        yield PageNotice(begin, worst, "", begin)
    if end is not None:
        yield PageNotice(end, "ok", "", end)
