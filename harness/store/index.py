"""What is kept in a folder of reports: one entry for each run, suite, comparison, replay and tuning.

reports/.index.json holds the entries of the last time. An entry is read again only where the file that ends it has changed, so
20,000 runs cost 20,000 looks at a file's date. It may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness.scenario.names import EXPLORED, LATEST, SAMPLES
from harness.store.comparison import ComparisonFolder
from harness.store.files import write_file
from harness.store.format import decode, encode
from harness.store.index_entry import (
    Entry,
    named_by_time,
    read_comparison,
    read_replay,
    read_run,
    read_suite,
    read_tuning,
)
from harness.store.replay import ReplayFolder
from harness.store.suite import SuiteFolder
from harness.store.tuning import TuningFolder

PAGE = "index.html"
_CACHE = ".index.json"
_LAYOUT = 1
"""Of the cache; one of another layout is made again."""
_LOCK_WAIT_S = 5.0
_LOCK_POLL_S = 0.05
Stamp = tuple[int, int]
_KINDS: dict[str, tuple[str, str, Callable[[Path], Entry]]] = {
    kind.KIND: (kind.DATA, kind.PAGE, read)
    for kind, read in (
        (SuiteFolder, read_suite),
        (ComparisonFolder, read_comparison),
        (ReplayFolder, read_replay),
        (TuningFolder, read_tuning),
    )
}
"""Of each folder that does not hold runs: the file that ends an entry, its page, and what reads it."""
_RUNS = ("verdict.json", "report.html", read_run)
_BEGUN = "plan.json"
"""What a run's folder has from its start."""


def entries(reports: Path) -> list[Entry]:
    """Return what is kept, newest first. Folders that are not the harness's are left out; damaged ones say so in their note.

    Args:
        reports: Folder of all runs; with none, nothing is kept.
    """
    reports = reports.resolve()
    before = _cached(reports / _CACHE)
    found = {entry.path: entry for entry in _all(reports, before)}
    if any(before.get(path) is not entry for path, entry in found.items()) or len(before) != len(found):
        with suppress(OSError):  # where nothing can be written, the next time reads again
            write_file(reports / _CACHE, encode(_Cache(layout=_LAYOUT, entries=list(found.values()))))
    suites = {path: entry.path for entry in found.values() for path in entry.members}
    kept = [replace(entry, suite=suites[entry.path]) if entry.path in suites else entry for entry in found.values()]
    return sorted(kept, key=lambda entry: (entry.when_s, entry.path), reverse=True)


def write_index(reports: Path, page: str) -> None:
    """Write index.html, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    write_file(reports / PAGE, page.encode())


@contextmanager
def one_at_a_time(reports: Path) -> Iterator[None]:
    """Let one process at a time bring the index up to date, so that an older list never replaces a newer one.

    One that does not get its turn within five seconds goes on: its index may lack what has just been added, until the next.

    Raises:
        OSError: There is no such folder.
    """
    folder = os.open(reports, os.O_RDONLY)
    deadline_s = time.monotonic() + _LOCK_WAIT_S
    try:
        while time.monotonic() < deadline_s:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOCK_POLL_S)
            except OSError:  # a file system without locks
                break
            else:
                break
        yield
    finally:
        os.close(folder)


def latest_path(reports: Path) -> str | None:
    """Return the path in `reports` of what `latest` leads to; None if it leads nowhere."""
    with suppress(OSError, ValueError):
        return (reports / LATEST).resolve(strict=True).relative_to(reports.resolve()).as_posix()
    return None


def is_ours(reports: Path, entry: Entry) -> bool:
    """Return whether the harness made an entry's folder and nobody renamed it; never for samples, links, and folders that hold something else."""
    path = reports.resolve() / entry.path
    own_file = _KINDS[path.parent.name][0] if path.parent.name in _KINDS else _BEGUN
    return (
        path.parent.name != SAMPLES
        and named_by_time(path.name)
        and not path.is_symlink()
        and ((path / own_file).is_file() or not any(path.iterdir()))
    )


def last_written_s(reports: Path, entry: Entry) -> float:
    """Return when something was last written into an entry's folder, as Unix time."""
    path = reports / entry.path
    return max(found.lstat().st_mtime for found in (path, *path.rglob("*")))


def remove(reports: Path, entry: Entry) -> None:
    """Delete an entry's folder; it has another name before anything in it goes, so that half of it is never taken for a whole.

    Raises:
        OSError: It cannot be deleted.
    """
    path = reports / entry.path
    gone = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    path.rename(gone)
    shutil.rmtree(gone)


def _all(reports: Path, before: dict[str, Entry]) -> Iterator[Entry]:
    for folder in _folders(reports):
        if folder.name not in (LATEST, EXPLORED):
            for child in _folders(Path(folder.path)):
                ends, page, read = _kind(folder.name, child.path)
                entry = _entry(child, f"{folder.name}/{child.name}", before, ends=ends, read=read)
                if entry is not None:
                    has_page = os.path.exists(f"{child.path}/{page}")  # noqa: PTH110 - 20,000 times
                    own = page if has_page else ""
                    yield entry if entry.page == own else replace(entry, page=own)


def _kind(folder: str, path: str) -> tuple[str, str, Callable[[Path], Entry]]:
    """Return the kind of what is at a path; samples are of any."""
    if folder != SAMPLES:
        return _KINDS.get(folder, _RUNS)
    return next((kind for kind in _KINDS.values() if _stamp(f"{path}/{kind[0]}") is not None), _RUNS)


def _entry(
    child: os.DirEntry[str], path: str, before: dict[str, Entry], *, ends: str, read: Callable[[Path], Entry]
) -> Entry | None:
    stamp = _stamp(f"{child.path}/{ends}") or _stamp(f"{child.path}/{_BEGUN}")
    if stamp is None and not named_by_time(child.name):
        return None
    known = before.get(path)
    if known is not None and known.stamp == (stamp or (0, 0)):
        return known
    return replace(read(Path(child.path)), path=path, stamp=stamp or (0, 0))


def _folders(path: Path) -> list[os.DirEntry[str]]:
    """Return the folders in a folder, links left out; none if it cannot be read."""
    try:
        with os.scandir(path) as found:
            return [each for each in found if not each.name.startswith(".") and each.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - 20,000 times
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cache:
    layout: int
    entries: list[Entry]


def _cached(path: Path) -> dict[str, Entry]:
    """Return the entries of the last time; none if there are none, or another version wrote them."""
    try:
        cache = decode(path.read_bytes(), _Cache)
    except (OSError, ValueError, RecursionError):
        return {}
    return {entry.path: entry for entry in cache.entries} if cache.layout == _LAYOUT else {}
