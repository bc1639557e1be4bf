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
_PART = re.compile(r"([a-z_]+)((?:\[\d+\])*)")


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
    hint = did_you_mean(name, known) or "harness replay --list shows them; an own one is named by its file"
    raise UsageError(f"no such incident: {name[:80]!r}", hint=hint)


def load(path: Path) -> Incident:
    """Read an incident's file.

    Raises:
        UsageError: Naming every place that is wrong.
    """
    document = read(path)
    incident = validate(document, Incident)
    raise_errors(list(_errors(document, incident)))
    return incident


def _errors(document: Document, incident: Incident) -> Iterator[HarnessError]:
    """Yield what is wrong beyond the types of fields."""
    vendors = sorted({*DIALECTS.own, *VENDORS})
    for number, window in enumerate(incident.windows):
        for vendor in window.on:
            if vendor not in vendors:
                yield document.error(
                    f"unknown vendor {vendor[:80]!r}",
                    ("windows", number, "on"),
                    known=", ".join(vendors),
                    hint=did_you_mean(vendor, vendors),
                )
        for inject in window.inject:
            if window.share.high < 1 and inject.fault_kind.whole_provider:
                yield document.error(
                    f"a `share` does not go with {inject.kind!r}, which hits the whole provider",
                    ("windows", number, "share"),
                    hint="use `connection: reset`, `delay` or a status",
                )
    both = set(incident.known) & incident.assumed.keys()
    for place in (*incident.known, *incident.assumed):
        field: Place = ("known", incident.known.index(place)) if place in incident.known else ("assumed", place)
        if place in both:
            yield document.error(f"{place!r} is both known and assumed", field)
        elif not _is_there(document.data, place):
            yield document.error(f"no such field: {place[:80]!r}", field, hint="as in `windows[0].share`")
    if not all(source.startswith("https://") for source in incident.sources):
        yield document.error("a source is an address that begins with https://", ("sources",))


def _is_there(data: object, place: str) -> bool:
    """Return whether a file has a field, as `start` or `windows[0].share`."""
    for part in place.split("."):
        match = _PART.fullmatch(part)
        if match is None or not isinstance(data, dict) or match[1] not in data:
            return False
        data = data[match[1]]
        for number in re.findall(r"\d+", match[2]):
            if not isinstance(data, list) or int(number) >= len(data):
                return False
            data = data[int(number)]
    return True
