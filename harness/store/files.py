"""Files of a run or suite: in a folder of their own, written whole or not at all, and read with an error that names them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import HarnessError, UsageError
from harness.store.format import FORMAT, READABLE, decode, encode

T = TypeVar("T")

_TRIES_MAX = 1000


def timestamp(now: datetime | None = None) -> str:
    """Return a UTC time as folders are named: `2026-11-29T18-50-00Z`."""
    return (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H-%M-%SZ")


def create_folder(parent: Path, name: str, *, fill: Callable[[Path], None] = lambda _path: None) -> Path:
    """Make a folder that did not exist, and what belongs into it; a clash of names gets `-2`, `-3`, ….

    Args:
        parent: Is made too if it does not exist.
        name: Of the folder.
        fill: Writes the first files into it.

    Raises:
        HarnessError: It cannot be made.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        path = _exclusive(parent, name)
        fill(path)
    except OSError as error:
        problem = f"cannot create a folder: {error.strerror}"
        raise HarnessError(problem, where=str(parent), hint="choose another place with --reports DIR") from None
    return path


def _exclusive(parent: Path, name: str) -> Path:
    for number in range(1, _TRIES_MAX):
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise HarnessError(f"{_TRIES_MAX} folders are called {name}", where=str(parent))


def existing_folder(path: Path, kind: str, *, file: str, hint: str) -> Path:
    """Return a folder of a kind, resolved.

    Args:
        path: Its path.
        kind: `run` or `suite`.
        file: What each folder of that kind has.
        hint: What to name in its place.

    Raises:
        UsageError: It has no such file.
    """
    if not (path / file).is_file():
        raise UsageError(f"not a {kind}'s folder: it has no {file}", where=str(path), hint=hint)
    return path.resolve()


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give another path to write a file at; when the block ends well, that becomes the file.

    Raises:
        OSError: It cannot be written. It names the file, and nothing is left of what was written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")  # another process may write the same file
    try:
        yield partial
        partial.replace(path)
    except OSError as problem:  # pyarrow's own ones name no file, and have sentences in the place of the system's words
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        words = os.strerror(problem.errno) if problem.errno else str(problem)
        raise OSError(problem.errno, words, str(path)) from None


def write_file(path: Path, raw: bytes) -> None:
    """Write a file, whole or not at all."""
    with written(path) as partial:
        partial.write_bytes(raw)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write plain data and its format as JSON."""
    write_file(path, encode({"format": FORMAT, **data}, pretty=True) + b"\n")


def read_json(
    path: Path, shape: type[T], *, newer: Callable[[dict[str, Any]], dict[str, Any]] = lambda written: written
) -> T:
    """Return what a JSON file holds.

    Args:
        path: The file.
        shape: What it must be.
        newer: Adds what older versions did not write; returns its argument where nothing is missing.

    Raises:
        UsageError: It cannot be read, is not JSON, of another format or of another shape.
    """
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        raise UsageError("not a file", where=str(path))
    try:
        raw = path.read_bytes()
        written = decode(raw, dict[str, Any])
        check_format(path, written.get("format", FORMAT))
        complete = newer(written)
        return decode(raw if complete is written else encode(complete), shape)
    except OSError as error:
        raise UsageError(f"cannot read the file: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        found = "empty" if path.stat().st_size == 0 else str(error)
        raise UsageError(f"damaged, or not written by harness: {found}", where=str(path)) from None


def check_format(path: Path, found: object) -> None:
    """Raise a UsageError if a file is of another format than this version reads."""
    if found not in READABLE:
        raise UsageError(f"written in format {found}; this version reads format {FORMAT}", where=str(path))
