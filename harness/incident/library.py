"""The incidents that come with the package, and those of the user: one file each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.document import Document, did_you_mean, read, validate
from harness.document.places import Place
from harness.errors import HarnessError, UsageError, raise_errors
from harness.incident.schema import Incident
from harness.provider.dialects import DIALECTS
from harness.provider.dialects.vendors import VENDORS

_PACKAGE = Path(__file__).parents[1]
FOLDER = next(
    (place for place in (_PACKAGE / "incidents", _PACKAGE.parent / "incidents") if place.is_dir()),
    _PACKAGE / "incidents",
)
"""`incidents/` of the installed package, else of the checkout."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


def all_incidents() -> Mapping[str, Incident]:
    """Return the incidents of the package by name, the oldest first.

    Raises:
        UsageError: Files are wrong.
    """
    errors: list[HarnessError] = []
    found: dict[str, Incident] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        try:
            found[path.stem] = load(path)
        except HarnessError as error:
            errors.append(error)
    raise_errors(errors)
    return dict(sorted(found.items(), key=lambda item: (item[1].start, item[0])))


def find_incident(name: str) -> tuple[str, Incident]:
    """Return an incident with its name.

    Args:
        name: That of a shipped one, or the path of a file.

    Raises:
        UsageError: There is no such incident, or its file is wrong.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path.stem, load(path)
    if _NAME.fullmatch(name) and (FOLDER / f"{name}.yaml").is_file():
        return name, load(FOLDER / f"{name}.yaml")
    known = [each.stem for each in sorted(FOLDER.glob("*.yaml"))]
    hint = did_you_mean(name, known) or "one of your own is named by its file, such as ours.yaml"
    raise UsageError(f"no such incident: {name[:80]!r}", hint=hint)


def load(path: Path) -> Incident:
    """Read an incident's file.

    Raises:
        UsageError: Naming every place that is wrong.
    """
    document = read(path)
    incident = validate(document, Incident)
    raise_errors(
        [
            *_window_errors(document, incident),
            *_companion_errors(document, incident),
            *_source_errors(document, incident),
        ]
    )
    return incident


def _window_errors(document: Document, incident: Incident) -> Iterator[UsageError]:
    """Yield what could not be played."""
    vendors = sorted({*DIALECTS.own, *VENDORS})
    for number, window in enumerate(incident.windows):
        here = ("windows", number)
        for vendor in window.on:
            if vendor not in vendors:
                hint = did_you_mean(vendor, vendors)
                yield document.error(
                    f"unknown vendor {vendor[:80]!r}", (*here, "on"), known=", ".join(vendors), hint=hint
                )
        if window.share.high == 0:
            yield document.error("a share of 0% is no incident", (*here, "share"))
        for inject in window.inject:
            kind = inject.fault_kind
            if kind.of_process:
                yield document.error(f"{kind.written[0]!r} hits a gateway, not a vendor", (*here, "inject"))
            chosen = [name for name in ("models", "streaming") if getattr(window, name) is not None]
            chosen += ["share"] if window.share.low < 1 else []
            if kind.whole_provider and chosen:
                yield document.error(
                    f"`{chosen[0]}` does not go with {inject.kind!r}, which hits the whole provider",
                    (*here, chosen[0]),
                    hint="use `connection: reset`, `delay` or a status",
                )
            if kind.streams_only and window.streaming is False:
                yield document.error(
                    f"{kind.written[0]!r} needs streams, and this window leaves them out", (*here, "streaming")
                )


def _companion_errors(document: Document, incident: Incident) -> Iterator[UsageError]:
    """Yield names of other incidents that are not known: neither beside the file nor shipped."""
    others = {each.stem for folder in (document.path.parent, FOLDER) for each in folder.glob("*.yaml")}
    others.discard(document.path.stem)
    for number, name in enumerate(incident.with_):
        if name not in others:
            hint = did_you_mean(name, sorted(others)) or "the name of another incident's file, without .yaml"
            yield document.error(f"no such incident: {name[:80]!r}", ("with", number), hint=hint)


def _source_errors(document: Document, incident: Incident) -> Iterator[UsageError]:
    """Yield what `known`, `assumed` and `sources` have wrong: each field is at most in one of the first two."""
    places: list[tuple[str, Place]] = [(place, ("known", number)) for number, place in enumerate(incident.known)]
    places += [(place, ("assumed", place)) for place in incident.assumed]
    seen: dict[str, str] = {}
    for place, where in places:
        meant = incident.fields_of(place)
        if not meant:
            yield document.error(f"no such field: {place[:80]!r}", where, hint="as in `windows[0].share`")
        for each in sorted(meant & seen.keys()):
            both = "both known and assumed" if seen[each] != where[0] else f"{where[0]} twice"
            yield document.error(f"{each} is {both}", where)
        seen.update(dict.fromkeys(meant, str(where[0])))
    for number, source in enumerate(incident.sources):
        if not source.startswith("https://") and incident.account != "telemetry":
            yield document.error("a source is an address that begins with https://", ("sources", number))
