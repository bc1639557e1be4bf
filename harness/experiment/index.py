"""What is kept: list it, delete what is old, and keep `index.html` up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, UsageError
from harness.report.index.html import html
from harness.store.index import entries, is_ours, last_written_s, latest_path, one_at_a_time, remove, write_index
from harness.store.index_entry import Entry

_SETTLED_S = 24 * 3600.0
"""What has no verdict and was written to later than that ago may still be running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries are wanted.

    Attributes:
        scenario: Name of the scenario; None for any. So for the others.
        chain: Name of the chain.
        verdict: `pass`, `fail`, `inconclusive` or `none`.
        since_s: When the oldest may have begun, as Unix time.
    """

    scenario: str | None = None
    chain: str | None = None
    verdict: str | None = None
    since_s: float | None = None

    def fits(self, entry: Entry, *, any_age: bool = False) -> bool:
        """Return whether an entry is one of them."""
        return (
            self.scenario in (None, entry.scenario)
            and (self.chain is None or self.chain in entry.chain.split(", "))
            and self.verdict in (None, entry.verdict or "none")
            and (any_age or self.since_s is None or entry.when_s >= self.since_s)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """What pruning would delete.

    Attributes:
        reports: The folder that it is in.
        entries: The newest first; the runs of a suite follow it.
    """

    reports: Path
    entries: tuple[Entry, ...]

    def as_json(self, *, deleted: bool) -> dict[str, object]:
        """Return it for other programs."""
        return {"deleted": deleted, "entries": [entry.as_json() for entry in self.entries]}


def runs(reports: Path, wanted: Wanted) -> list[Entry]:
    """Return what is kept, newest first; what is damaged says so.

    Raises:
        UsageError: There is no such folder.
    """
    if not reports.is_dir():
        hint = "harness run scenarios/primary-429.yaml makes it; --reports DIR names another"
        raise UsageError("no such folder", where=str(reports), hint=hint)
    return [entry for entry in entries(reports) if wanted.fits(entry)]


def prunable(reports: Path, wanted: Wanted, *, keep: int | None) -> Prunable:
    """Return what pruning would delete: of what is wanted, whatever its age, all but the newest and the young.

    A suite counts as one and takes its runs along, so a run of a suite is never deleted alone. Samples, what `latest` leads
    to, what may still be running, and what the harness did not make or somebody renamed are left out.

    Args:
        reports: Folder of all runs.
        wanted: What may be deleted; what began since then is kept.
        keep: So many of the newest are kept; None for none.

    Raises:
        UsageError: Nothing says what to keep, or there is no such folder.
    """
    if keep is None and wanted.since_s is None:
        hint = "--keep 20 keeps the newest 20; --since 30d what began in the last 30 days"
        raise UsageError("nothing says what to keep", where="--prune", hint=hint)
    everything = runs(reports, Wanted())
    by_path = {entry.path: entry for entry in everything}
    latest = latest_path(reports)
    chosen = [entry for entry in everything if not entry.suite and wanted.fits(entry, any_age=True)]
    found: list[Entry] = []
    for entry in chosen[keep or 0 :]:
        young = wanted.since_s is not None and entry.when_s >= wanted.since_s
        whole = [entry, *(by_path[path] for path in entry.members if path in by_path)]
        if not young and all(_may_go(reports, each, latest) for each in whole):
            found += whole
    return Prunable(reports=reports, entries=tuple(found))


def prune(found: Prunable, say: Callable[[str], None]) -> list[Entry]:
    """Delete it; return what was deleted.

    Args:
        found: What to delete.
        say: Told about what cannot be deleted.
    """
    gone = []
    for entry in found.entries:
        try:
            remove(found.reports, entry)
        except OSError as problem:
            say(f"warning: {HarnessError.wrapping(problem, where=entry.path)}")
        else:
            gone.append(entry)
    update_index(found.reports, say)
    return gone


def update_index(reports: Path, say: Callable[[str], None]) -> None:
    """Bring `index.html` up to date; that it cannot be written is a warning, and fails nothing.

    Args:
        reports: Folder of all runs.
        say: Told about the warning.
    """
    try:
        with one_at_a_time(reports):
            write_index(reports, html(entries(reports), _shown(reports), now_s=time.time()))
    except OSError as problem:
        say(f"warning: the index is not up to date: {HarnessError.wrapping(problem, where=str(reports))}")


def is_kept_in(reports: Path, folder: Path) -> bool:
    """Return whether a folder is one of those that an index of `reports` lists."""
    return folder.resolve().parent.parent == reports.resolve()


def _shown(reports: Path) -> str:
    """Return the folder as commands name it: from the working directory, if it is in there."""
    path = reports.resolve()
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else str(path)


def _may_go(reports: Path, entry: Entry, latest: str | None) -> bool:
    try:
        running = not entry.verdict and last_written_s(reports, entry) > time.time() - _SETTLED_S
        return entry.path != latest and not running and is_ours(reports, entry)
    except OSError:  # files come and go: a run goes on there, or somebody else deletes it
        return False


def listed(found: Sequence[Entry]) -> dict[str, object]:
    """Return entries for other programs."""
    return {"entries": [entry.as_json() for entry in found]}
