"""A YAML file as plain data, with the line of every value."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from harness.document.places import Place, field_name
from harness.document.spelling import did_you_mean
from harness.errors import Unfit, UsageError

_BYTES_MAX = 1_000_000
_DEPTH_MAX = 50
_NODES_MAX = 100_000
_INT_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain data.

    Attributes:
        path: As the user named it.
        data: Mappings, lists, texts, numbers, booleans and None. Every text can be encoded, every number is finite.
        lines: Line, counted from 1, of each key or item, by its place (`("faults", 0, "on")`).
        surprises: What YAML 1.1 makes of a value or a key and its author perhaps did not mean, each with its place.
    """

    path: Path
    data: Any
    lines: Mapping[Place, int]
    surprises: tuple[tuple[Place, str], ...] = ()

    def where(self, place: Place = ()) -> str:
        """Return `file:line: field` of a place; if it is not in the file, the line of the nearest place around it."""
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        head = f"{self.path}:{self.lines.get(known, 1)}"
        return f"{head}: {field_name(place)}" if place else head

    def error(
        self, problem: str, place: Place = (), *, known: str | None = None, hint: str | None = None
    ) -> UsageError:
        """Return an error that points at a place of this file."""
        return UsageError(problem, where=self.where(place), known=known, hint=hint)

    def unfit(self, problem: str, place: Place = (), *, known: str | None = None, hint: str | None = None) -> Unfit:
        """Return the same for what a chain lacks that this scenario is to run on."""
        return Unfit(problem, where=self.where(place), known=known, hint=hint)


def read(path: Path, older: re.Pattern[bytes] | None = None) -> Document:
    """Return a YAML file as plain data.

    Args:
        path: The file.
        older: A file in which this is found is read as YAML 1.1, any other as YAML 1.2.

    Raises:
        UsageError: The file cannot be read, or is not one YAML document of plain data.
    """
    raw = raw_bytes(path)
    return parse(raw, path, older=older is not None and older.search(raw) is not None)


def raw_bytes(path: Path, most: int = _BYTES_MAX) -> bytes:
    """Return the content of a regular file; see `open_regular`.

    Args:
        path: The file.
        most: So many bytes it may have.

    Raises:
        UsageError: It cannot be read.
    """
    with open_regular(path) as file:
        try:
            raw = file.read(most + 1)
        except OSError as error:
            raise UsageError(f"cannot read the file: {error.strerror}", where=str(path)) from None
    if len(raw) > most:
        raise UsageError(f"the file is larger than {most // 10**6} MB", where=str(path))
    return raw


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file. Anything else is refused: opening a pipe or a device could wait for ever.

    Raises:
        UsageError: It cannot be opened.
    """
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            raise UsageError("is a folder, not a file" if stat.S_ISDIR(kind) else "not a regular file", where=str(path))
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except FileNotFoundError:
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError("there is no such file", where=str(path), hint=did_you_mean(path.name, beside)) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the file: {reason}", where=str(path)) from None


def parse(raw: bytes, path: Path, *, older: bool = False) -> Document:
    """Return YAML text as plain data, read as YAML 1.1 if `older`; see `read`."""
    _text, node = compose(raw, path, older=older)
    reader = _Reader(path, older=older)
    data = reader.plain(node, ()) if node is not None else None
    return Document(path, data, reader.lines, tuple(reader.surprises))


def compose(raw: bytes, path: Path, *, older: bool) -> tuple[str, Node | None]:
    """Return a file's text and the root of its one YAML document, None for one without data; see `parse`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UsageError("not UTF-8 text", where=f"{path}:{line}") from None
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.version = (1, 1) if older else None
        return text, yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        parts = [error.problem or error.context]
        if str(error.problem).startswith("but "):  # half a sentence
            parts.insert(0, error.context)
        problem = f"not valid YAML: {', '.join(map(str, parts))}"
        raise UsageError(problem, where=f"{path}:{line}", hint=_yaml_hint(str(error))) from None
    except (YAMLError, ValueError, RecursionError) as error:
        problem = f"not valid YAML: {_first_line(error)}"
        raise UsageError(problem, where=f"{path}:{_error_line(text, error)}") from None


_HINTS = (
    (r"found character '\\t'", "indent with spaces: YAML allows no tab there"),
    (r"expected <block end>", "look at the indentation: the keys and items of one block begin in the same column"),
    (r"mapping values are not allowed", "look at the indentation, or quote a text that holds a colon"),
    (r"expected ',' or|flow (mapping|sequence|node)", "look for a missing comma, or a bracket that is not closed"),
    (r"quoted scalar", "look for a quote that is not closed"),
    (r"could not find expected ':'", "look for a missing colon, in this line or the one before"),
    (r"undefined alias", "write the anchor (&name) before the place that uses it"),
    (r"single document", "write one document in a file: remove what follows the second ---"),
)
"""What usually causes an error of the YAML library, by what its message holds; the first that fits counts."""


def _yaml_hint(message: str) -> str | None:
    return next((hint for pattern, hint in _HINTS if re.search(pattern, message)), None)


def _first_line(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).split("\n", 1)[0]


def _error_line(text: str, error: Exception) -> int:
    position = getattr(error, "position", None)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 1


def _sixties(text: str) -> int | float:
    """Return a number of YAML 1.1 that is written like a time: `1:30` is 90."""
    sign = -1 if text.startswith("-") else 1
    number: int | float = 0
    for part in text.lstrip("+-").split(":"):
        number = number * 60 + (float(part) if "." in part else int(part))
    return sign * number


class _Reader:
    """Turns the nodes of one YAML document into plain data.

    Args:
        path: For errors.
        older: It is YAML 1.1, of which a duplicate key and a few words for true and false are a part.
    """

    def __init__(self, path: Path, *, older: bool) -> None:
        self.lines: dict[Place, int] = {}
        self.surprises: list[tuple[Place, str]] = []
        self._older = older
        self._path = path
        self._count = 0

    def plain(self, node: Node, place: Place) -> Any:
        """Return what is at a place."""
        self.lines.setdefault(place, node.start_mark.line + 1)
        self._count += 1
        if len(place) > _DEPTH_MAX or self._count > _NODES_MAX:
            problem = "nested too deeply" if len(place) > _DEPTH_MAX else f"more than {_NODES_MAX} values"
            raise UsageError(problem, where=f"{self._path}:{node.start_mark.line + 1}")
        if isinstance(node, ScalarNode):
            return self._scalar(node, place)
        if isinstance(node, SequenceNode):
            return [self.plain(item, (*place, number)) for number, item in enumerate(node.value)]
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        raise self._error("neither a mapping, a list nor a value", node, place)

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if isinstance(key_node, ScalarNode) and key_node.value == "<<" and key_node.style is None:
                merged = {**self._merged(value_node, place), **merged}
                continue
            if not isinstance(key_node, ScalarNode):
                raise self._error("a key must be a word", key_node, place)
            key = self._text(key_node, place)
            if key in mapping and not self._older:
                raise self._error(f"duplicate key {key[:80]!r}", key_node, (*place, key))
            if key in mapping:
                self.surprises.append(((*place, key), f"{key[:80]!r} is written twice; the last one counts"))
            self.lines[*place, key] = key_node.start_mark.line + 1
            mapping[key] = self.plain(value_node, (*place, key))
        return {**merged, **mapping}

    def _merged(self, node: Node, place: Place) -> dict[str, Any]:
        """Return what a merge key brings along: a mapping, or several, of which the first that has a key counts."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, Any] = {}
        for part in parts:
            if not isinstance(part, MappingNode):
                raise self._error("a merge key needs a mapping, or a list of mappings", node, place)
            found = {**self._mapping(part, place), **found}
        return found

    def _scalar(self, node: ScalarNode, place: Place) -> Any:
        kind = node.tag.rsplit(":", 1)[-1] if node.tag else "str"
        text = self._text(node, place)
        if kind == "null":
            return None
        if kind == "bool":
            value = text.lower() in ("true", "yes", "on")
            if text.lower() not in ("true", "false"):
                self.surprises.append((place, f"{text} means {str(value).lower()} in YAML 1.1"))
            return value
        if kind in ("int", "float"):
            number = self._number(text, kind, node, place)
            if self._older and re.search(r":|^[-+]?0\d", text):
                self.surprises.append((place, f"{text} means {number} in YAML 1.1"))
            return number
        return text

    def _number(self, text: str, kind: str, node: ScalarNode, place: Place) -> int | float:
        digits = text.replace("_", "")
        try:
            number: int | float
            if ":" in digits:
                number = _sixties(digits)
            elif kind == "int":
                leading = re.fullmatch(r"[-+]?0\d+", digits)
                number = int(digits, (8 if self._older else 10) if leading else 0)
            else:
                number = float(digits.replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            raise self._error(f"not a number that can be read: {text[:40]!r}", node, place) from None
        if not -_INT_MAX <= number <= _INT_MAX and isinstance(number, int):
            raise self._error(f"number too large: {text[:40]!r}", node, place)
        if not math.isfinite(number):
            raise self._error(f"not a finite number: {text[:40]!r}", node, place)
        return number

    def _text(self, node: ScalarNode, place: Place) -> str:
        text = str(node.value)
        try:
            text.encode()
        except UnicodeEncodeError as error:  # "\ud800" alone
            problem = f"text with half a character, {text[error.start]!r}: it cannot be encoded"
            raise self._error(problem, node, place) from None
        return text

    def _error(self, problem: str, node: Node, place: Place) -> UsageError:
        where = f"{self._path}:{node.start_mark.line + 1}"
        return UsageError(problem, where=f"{where}: {field_name(place)}" if place else where)
