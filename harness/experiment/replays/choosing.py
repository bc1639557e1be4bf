"""Which incidents a replay plays: shipped ones, files of the user's, and what a status page's history or telemetry of calls holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UsageError
from harness.experiment.replays.recording import recorded
from harness.incident.library import all_incidents, find_incident
from harness.incident.schema import Incident
from harness.incident.writing import incident_text
from harness.store import replaced


def is_recorded(name: str) -> bool:
    """Return whether a name is that of a file of which incidents can be made: any file but an incident's own."""
    path = Path(name)
    return path.suffix not in ("", ".yaml", ".yml") or (not path.suffix and path.is_file())


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
        names: Of shipped incidents, or files: an incident's (`.yaml`), or the history of a status page or telemetry of calls (see
            `recorded`). All shipped incidents if empty.
        vendor: Whose histories or calls they are, where that is not known.

    Raises:
        UsageError: There is no such incident, or a file is wrong.
    """
    chosen = ChosenIncidents()
    for name in names:
        path = Path(name)
        if is_recorded(name):
            history = recorded(path, vendor)
            found: Mapping[str, Incident] = history.incidents
            chosen.left_out.update(history.left_out)
        else:
            found = dict([find_incident(name)])
            if path.suffix:
                chosen.beside[path.stem] = path.parent
        if twice := chosen.incidents.keys() & found:
            raise UsageError(f"two incidents are called {min(twice)!r}", where=name, hint="rename one of the files")
        chosen.incidents.update(found)
    return chosen if names else ChosenIncidents(incidents=dict(all_incidents()))


def save(path: Path, folder: Path, vendor: str | None = None) -> tuple[list[Path], Mapping[str, str]]:
    """Write the incidents of a status page's history or of telemetry as files; return their paths, and what was left out with the reason.

    Args:
        path: The history or telemetry.
        folder: Where to; it is made if it is not there. A file that is there already stays.
        vendor: Whose it is, where that is not known.

    Raises:
        UsageError: It is neither, or a file cannot be written.
    """
    history = recorded(path, vendor)
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, incident in history.incidents.items():
            file = folder / f"{name}.yaml"
            if not file.exists():
                with replaced(file) as partial:
                    partial.write_text(incident_text(incident), encoding="utf-8")
            files.append(file)
    except OSError as problem:
        raise UsageError(problem.strerror or str(problem), where=str(problem.filename or folder)) from None
    return files, history.left_out
