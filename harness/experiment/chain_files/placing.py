"""Put a file in the place of another: at every moment there is the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from harness.document.reading import raw_bytes
from harness.errors import UsageError

MODE = 0o600
"""Of what is written: it may hold keys."""
_CLASHES_MAX = 1000


def real_path(path: Path) -> Path:
    """Return the file that a path leads to; links are followed, so that they stay.

    Raises:
        UsageError: It is no file, or has a second name, which would go on to be the old one.
    """
    try:
        real = path.resolve()
        found = real.stat()
    except FileNotFoundError:
        if not real.parent.is_dir():
            raise UsageError("there is no such folder", where=str(real.parent)) from None
        return real
    except (OSError, RuntimeError) as error:
        raise UsageError(f"cannot be read: {getattr(error, 'strerror', error)}", where=str(path)) from None
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        problem = f"has {found.st_nlink} names (hard links), of which one alone would change"
        raise UsageError(problem, where=str(path), hint="make it a file of its own, or a symbolic link")
    return real


def content(path: Path) -> bytes | None:
    """Return what a file holds; None if there is none.

    Raises:
        UsageError: It cannot be read.
    """
    return raw_bytes(path) if path.exists() else None


def back_up(path: Path, raw: bytes) -> Path:
    """Keep what a file holds in a dated file beside it.

    Raises:
        OSError: It cannot be written; nothing is left of it.
    """
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    for number in range(1, _CLASHES_MAX):
        backup = path.with_name(f"{path.name}.{date}{'' if number == 1 else f'-{number}'}.bak")
        with contextlib.suppress(FileExistsError):
            _create(backup, raw)
            return backup
    raise FileExistsError(17, "too many backups of this second", str(path))


def remove_unfinished(path: Path) -> None:
    """Remove what somebody left who was killed while a file was being written."""
    with contextlib.suppress(FileNotFoundError):
        _unfinished(path).unlink()


def prepare(path: Path, raw: bytes, mode: int = MODE) -> Path:
    """Write what a file is to hold beside it, with the file's owner and a mode; return where.

    Raises:
        OSError: It cannot be written; nothing is left of it.
        UsageError: The owner is another one, who could not read it.
    """
    remove_unfinished(path)
    unfinished = _unfinished(path)
    _create(unfinished, raw)
    try:
        if path.exists() and (owner := path.stat()).st_uid != os.geteuid():
            os.chown(unfinished, owner.st_uid, owner.st_gid)
        unfinished.chmod(mode)
    except OSError:
        unfinished.unlink()
        problem = "belongs to somebody else, who could not read the new file: nothing was changed"
        raise UsageError(problem, where=str(path), hint="run this as the file's owner") from None
    return unfinished


def put(prepared: Path, path: Path) -> None:
    """Make what was prepared the file.

    Raises:
        OSError: It cannot be; nothing is left of what was prepared.
    """
    try:
        prepared.replace(path)
    except OSError:
        prepared.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _create(path: Path, raw: bytes) -> None:
    """Write a new file that its owner alone can read, to the disk itself."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fchmod(file.fileno(), MODE)
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk; some file systems cannot."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
