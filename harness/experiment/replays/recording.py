"""A file of which incidents can be made: the history of a status page, or telemetry of calls. What it is shows in it, not in its name."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, AnyStr, BinaryIO, cast

from harness.document.reading import open_regular
from harness.errors import UsageError
from harness.export.otlp import from_protobuf
from harness.incident.imports import ImportedHistory, imported
from harness.incident.telemetry import from_csv, from_objects, from_traces, objects

_PART_MAX = 100_000_000
"""How large one line or one message may be, and a file that cannot be read in parts: it is held whole."""
_HEAD = 4096
_KNOWN = "a status page's incidents.json, OTLP traces (JSON or protobuf), CSV or JSON lines of calls"
_TEXT = frozenset({*b"\t\n\r\f", *range(32, 256)})
_OTHER_SIGNALS = ("resourceLogs", "resourceMetrics")
_GOOGLE = {"external_desc", "affected_products", "begin"}


def recorded(path: Path, vendor: str | None) -> ImportedHistory:
    """Return the incidents in a file; it may be compressed by gzip.

    Args:
        path: The file.
        vendor: Whose history or calls they are, where that is not known.

    Raises:
        UsageError: It is none that can be read.
    """
    with open_regular(path) as file:
        try:
            if file.peek(2)[:2] == b"\x1f\x8b":
                with gzip.open(file) as unpacked:
                    return _read(cast("BinaryIO", unpacked), str(path), vendor)
            return _read(file, str(path), vendor)
        except (EOFError, zlib.error, OSError) as problem:
            raise UsageError(f"cannot read the file: {problem}", where=str(path)) from None


def _read(file: BinaryIO, where: str, vendor: str | None) -> ImportedHistory:
    head = file.read(_HEAD)
    if not head.strip():
        raise UsageError("the file is empty", where=where, known=_KNOWN)
    whole = cast("BinaryIO", io.BufferedReader(_Rejoined(head, file), 1 << 20))
    wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not wide and not _TEXT.issuperset(head):
        return from_traces(_messages(whole, where), where, vendor)
    with closing(io.TextIOWrapper(whole, "utf-16" if wide else "utf-8-sig", errors="replace", newline="")) as text:
        return _read_text(text, where, vendor)


class _Rejoined(io.RawIOBase):
    """A file with what was read of it already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return with how many bytes."""
        part = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(part) :]
        buffer[: len(part)] = part
        return len(part)


def _messages(file: BinaryIO, where: str) -> Iterator[tuple[int, Any]]:
    """Yield messages in protobuf: the only one, or those of a collector's file, each after its length."""
    head = file.read(4)
    try:
        if head[:1] != b"\0":
            yield 1, from_protobuf(head + _limited(file.read(_PART_MAX + 1), where))
            return
        number = 0
        while len(head) == 4:
            number += 1
            length = int.from_bytes(head)
            message = file.read(min(length, _PART_MAX))
            if len(message) < length:  # the collector was still writing
                return
            yield number, from_protobuf(message)
            head = file.read(4)
    except UsageError as problem:
        raise UsageError(problem.problem, where=where, known=_KNOWN) from None


def _read_text(text: io.TextIOWrapper, where: str, vendor: str | None) -> ImportedHistory:
    lines = _lines(text, where)
    first = next((line for line in lines if not line.isspace()), "")
    begin = first.lstrip()[:1]
    if begin not in ("{", "["):
        return from_csv(chain([first], lines), where, vendor)
    found = _json(first)
    if isinstance(found, dict) and "incidents" not in found:
        return _of_lines(found, chain([first], lines), where, vendor)
    raw = _limited(first + text.read(_PART_MAX + 1), where)
    whole = _json(raw)
    if isinstance(whole, dict) and "incidents" not in whole:
        return _of_document([whole], where, vendor)
    if (
        isinstance(whole, list)
        and whole
        and not any(isinstance(each, dict) and _GOOGLE & each.keys() for each in whole)
    ):
        return _of_document(whole, where, vendor)
    second = raw[len(first) :].lstrip()[:1]
    if whole is None and begin == "{" and second == "{":  # lines, and the first one is torn
        sample: dict[str, Any] = {"resourceSpans": []} if '"resourceSpans"' in raw[:_PART_MAX] else {}
        return _of_lines(sample, raw.splitlines(keepends=True), where, vendor)
    return imported(raw, where, vendor)


def _of_lines(sample: dict[str, Any], lines: Iterable[str], where: str, vendor: str | None) -> ImportedHistory:
    _refuse_others(sample, where)
    read = from_traces if "resourceSpans" in sample else from_objects
    return read(objects(lines), where, vendor)


def _of_document(found: list[Any], where: str, vendor: str | None) -> ImportedHistory:
    sample = found[0] if isinstance(found[0], dict) else {}
    _refuse_others(sample, where)
    read = from_traces if "resourceSpans" in sample else from_objects
    return read(enumerate(found, start=1), where, vendor)


def _refuse_others(sample: dict[str, Any], where: str) -> None:
    other = next((name for name in _OTHER_SIGNALS if name in sample), None)
    if other is not None:
        raise UsageError(f"{other}, and no traces", where=where, known=_KNOWN)


def _lines(text: io.TextIOWrapper, where: str) -> Iterator[str]:
    while line := text.readline(_PART_MAX + 1):
        yield _limited(line, where)


def _limited(part: AnyStr, where: str) -> AnyStr:
    if len(part) > _PART_MAX:
        hint = "one message a line, as a collector's file exporter writes, is read piece by piece"
        raise UsageError(f"more than {_PART_MAX // 10**6} MB in one piece", where=where, hint=hint)
    return part


def _json(raw: str) -> Any:
    """Return what JSON holds; None where it is none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
