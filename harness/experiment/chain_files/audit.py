"""Who changed a configuration when, and what: a file of JSON lines beside it, which is also the lock of those who change it.

A line is written just before the file changes. Whether a change took place is known from what the file held at the next line.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from harness.errors import HarnessError, UsageError

WrittenChange = Literal["apply", "undo", "put back"]
CHANGES: tuple[WrittenChange, ...] = ("apply", "undo", "put back")


def digest(raw: bytes | None) -> str | None:
    """Return what names the content of a file; None if there is no file."""
    return None if raw is None else hashlib.sha256(raw).hexdigest()


class AuditLog:
    """The log of one file, while it is ours to change.

    Args:
        descriptor: The log, open to read and to append.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def append(self, did: WrittenChange | Literal["not applied"], **fields: Any) -> None:
        """Add a line, wholly or not at all.

        Raises:
            OSError: It cannot be written.
        """
        line = {"at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), **_who(), "did": did, **fields}
        size = os.fstat(self._descriptor).st_size
        torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        try:
            _write(self._descriptor, (b"\n" if torn else b"") + json.dumps(line, ensure_ascii=False).encode() + b"\n")
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise

    def lines(self) -> list[dict[str, Any]]:
        """Return what was written; a line that was torn when a machine went down is left out."""
        raw = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        return list(_lines(raw))


@contextmanager
def locked(path: Path) -> Iterator[AuditLog]:
    """Let one process at a time change a file, and give its log. The system takes the lock from a process that dies.

    Raises:
        UsageError: Somebody else is changing the file.
        HarnessError: The log cannot be written.
    """
    log = log_of(path)
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(log, flags, 0o600)
    except OSError as error:
        raise unwritable(error, log) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            problem = "somebody else is changing it right now: nothing was changed"
            raise UsageError(problem, where=str(path), hint="look at what they did, and try again") from None
        except OSError as error:
            raise unwritable(error, log) from None
        yield AuditLog(descriptor)
    finally:
        os.close(descriptor)


def log_of(path: Path) -> Path:
    """Return the log of a file."""
    return path.with_name(f"{path.name}.audit.jsonl")


def in_place(lines: list[dict[str, Any]], now: str | None) -> dict[str, Any] | None:
    """Return the line of the change that a file's content comes from and that was not taken back; None if there is none.

    Args:
        lines: Of its log.
        now: The digest of the file.
    """
    kept: list[dict[str, Any]] = []
    written = [line for line in lines if line.get("did") in CHANGES]
    for number, line in enumerate(written):
        following = written[number + 1]["before"] if number + 1 < len(written) else now
        if following == line["before"]:
            continue  # whoever wrote this line was killed before the file changed
        if line["did"] == "apply":
            kept.append(line)
        elif kept:
            kept.pop()
    return kept[-1] if kept and kept[-1]["after"] == now else None


def unwritable(error: OSError, path: Path) -> HarnessError:
    """Return the error for a file that cannot be written: it names the file, and what to do."""
    if isinstance(error, PermissionError) or error.errno in (30, 40):  # EROFS, ELOOP
        hint = f"its folder must be yours to write: backup, log and new file are made in {path.parent}"
        return UsageError(f"cannot be written: {error.strerror}; nothing was changed", where=str(path), hint=hint)
    return HarnessError(f"cannot be written: {error.strerror}; nothing was changed", where=str(path))


def _who() -> dict[str, str]:
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a number without a name, in a container
        who = str(os.getuid())
    return {"who": who, **({"sudo_user": name} if (name := os.environ.get("SUDO_USER")) else {})}


def _lines(raw: bytes) -> Iterator[dict[str, Any]]:
    for line in raw.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and {"did", "before", "after"} <= found.keys():
                yield found


def _write(descriptor: int, raw: bytes) -> None:
    while raw:
        raw = raw[os.write(descriptor, raw) :]
