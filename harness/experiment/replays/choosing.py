"""Which incidents a replay plays: shipped ones, files of the user's, and what a status page's history holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.document.reading import raw_bytes
from harness.errors import UsageError
from harness.incident.imports import imported
from harness.incident.library import all_incidents, find_incident
from harness.incident.schema import Incident
from harness.incident.writing import incident_text
from harness.store import replaced

_HISTORY_BYTES_MAX = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenIncidents:
    """What is to be played.

    Attributes:
        incidents: By name.
        beside: By name of those from a file, the folder of it: what they name under `with` may lie there.
        left_out: Titles in histories of which no incident could be made, each with the reason.
    """

    incidents: dict[str, Incident] = field(default_factory=dict)
    beside: dict[str, Path] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def companion(self, of: str, name: str) -> Incident:
        """Return an incident that another one names under `with`."""
        if name in self.incidents:
            return self.incidents[name]
        path = self.beside[of] / f"{name}.yaml" if of in self.beside else None
        return find_incident(str(path) if path is not None and path.is_file() else name)[1]


def choose(names: Sequence[str], vendor: str | None = None) -> ChosenIncidents:
    """Return the incidents of some names.

    Args:
        names: Of shipped incidents, or files: an incident's (`.yaml`), or the history of a status page (`.json`). All shipped
            incidents if empty.
        vendor: Whose histories they are, where the page is not known.

    Raises:
        UsageError: There is no such incident, or a file is wrong.
    """
    chosen = ChosenIncidents()
    for name in names:
        path = Path(name)
        if path.suffix == ".json":
            history = _history(path, vendor)
            found: Mapping[str, Incident] = history[0]
            chosen.left_out.update(history[1])
        else:
            found = dict([find_incident(name)])
            if path.suffix:
                chosen.beside[path.stem] = path.parent
        if twice := chosen.incidents.keys() & found:
            raise UsageError(f"two incidents are called {min(twice)!r}", where=name, hint="rename one of the files")
        chosen.incidents.update(found)
    return chosen if names else ChosenIncidents(incidents=dict(all_incidents()))


def save(path: Path, folder: Path, vendor: str | None = None) -> tuple[list[Path], Mapping[str, str]]:
    """Write the incidents of a status page's history as files; return their paths, and what was left out with the reason.

    Args:
        path: The history.
        folder: Where to; it is made if it is not there. A file that is there already stays.
        vendor: Whose it is, where the page is not known.

    Raises:
        UsageError: It is no history, or a file cannot be written.
    """
    incidents, left_out = _history(path, vendor)
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, incident in incidents.items():
            file = folder / f"{name}.yaml"
            if not file.exists():
                with replaced(file) as partial:
                    partial.write_text(incident_text(incident), encoding="utf-8")
            files.append(file)
    except OSError as problem:
        raise UsageError(problem.strerror or str(problem), where=str(problem.filename or folder)) from None
    return files, left_out


def _history(path: Path, vendor: str | None) -> tuple[Mapping[str, Incident], Mapping[str, str]]:
    try:
        raw = raw_bytes(path, _HISTORY_BYTES_MAX).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("not UTF-8 text", where=str(path)) from None
    history = imported(raw, str(path), vendor)
    return history.incidents, history.left_out
