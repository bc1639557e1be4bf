"""What people write: YAML with its places, durations, rates and shares, and errors that point at the line."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from harness.errors import UsageError

T = TypeVar("T")
Place = tuple[str | int, ...]

_BYTES_MAX = 4_000_000
_DEPTH_MAX = 50
_NODES_MAX = 100_000

_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ns|us|ms|s|min|m|h)")
_RATE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*/\s*(?P<unit>s|min|m|h)")
_ALLOWANCE = re.compile(r"(?P<number>[1-9]\d{0,11})\s*/\s*(?P<unit>s|min|m|h)")
_SHARE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*%")
_DURATION_MAX_NS = 7 * 24 * 3600 * 10**9


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain data, with the line of every value.

    Attributes:
        path: As the user named it.
        data: Mappings, lists, texts, numbers, booleans and None.
        lines: Line, counted from 1, of each key or item, by its place (`("faults", 0, "on")`).
    """

    path: Path
    data: Any
    lines: Mapping[Place, int]

    def where(self, place: Place = ()) -> str:
        """Return `file:line: field` of a place, or of the nearest one around it that was written."""
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


def field_name(place: Place) -> str:
    """Return a place as people write it: `faults[0].on`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(path: Path) -> Document:
    """Return a YAML 1.2 file as plain data.

    Raises:
        UsageError: The file cannot be read, or is not one YAML document of plain data.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        problem = f"cannot read the file: {error.strerror}"
        raise UsageError(problem, where=str(path)) from None
    return parse(raw, path)


def parse(raw: bytes, path: Path) -> Document:
    """Return YAML text as plain data; see `read`."""
    if len(raw) > _BYTES_MAX:
        problem = f"file of {len(raw)} bytes: more than {_BYTES_MAX}"
        raise UsageError(problem, where=str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problem = "not UTF-8 text"
        raise UsageError(problem, where=f"{path}:{line}") from None
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = f"not valid YAML: {error.problem or error.context}"
        raise UsageError(problem, where=f"{path}:{line}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        problem = f"not valid YAML: {_first_line(error)}"
        raise UsageError(problem, where=f"{path}:{_error_line(text, error)}") from None
    lines: dict[Place, int] = {}
    data = _plain(node, (), lines, path, [0]) if node is not None else None
    return Document(path, data, lines)


def _first_line(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).split("\n", 1)[0]


def _error_line(text: str, error: Exception) -> int:
    position = getattr(error, "position", None)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 1


def _plain(node: Node, place: Place, lines: dict[Place, int], path: Path, count: list[int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    count[0] += 1
    if len(place) > _DEPTH_MAX or count[0] > _NODES_MAX:
        problem = "nested too deeply" if len(place) > _DEPTH_MAX else f"more than {_NODES_MAX} values"
        raise UsageError(problem, where=f"{path}:{line}")
    if isinstance(node, ScalarNode):
        return _scalar(node, path)
    if isinstance(node, SequenceNode):
        return [_plain(item, (*place, i), lines, path, count) for i, item in enumerate(node.value)]
    mapping: dict[str, Any] = {}
    if not isinstance(node, MappingNode):
        problem = "neither a mapping, a list nor a value"
        raise UsageError(problem, where=f"{path}:{line}")
    for key_node, value_node in node.value:
        key_line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode):
            problem = "a key must be a word"
            raise UsageError(problem, where=f"{path}:{key_line}")
        key = str(key_node.value)
        if key in mapping:
            problem = f"key {key!r} stands here a second time"
            raise UsageError(problem, where=f"{path}:{key_line}: {field_name((*place, key))}")
        lines[*place, key] = key_line
        mapping[key] = _plain(value_node, (*place, key), lines, path, count)
    return mapping


def _scalar(node: ScalarNode, path: Path) -> Any:
    kind = node.tag.rsplit(":", 1)[-1] if node.tag else "str"
    text = str(node.value)
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return int(text.replace("_", ""), 0) if not re.fullmatch(r"[-+]?0\d+", text) else int(text)
        if kind == "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan").replace("_", ""))
    except ValueError:
        problem = f"not a number that can be read: {text[:40]!r}"
        raise UsageError(problem, where=f"{path}:{node.start_mark.line + 1}") from None
    return text


def validate(document: Document, shape: type[T]) -> T:
    """Return the document as `shape`, a dataclass with pydantic annotations.

    Raises:
        UsageError: Naming the first place that is wrong.
    """
    if not isinstance(document.data, dict):
        found = "nothing" if document.data is None else type(document.data).__name__
        problem = f"expected a mapping of fields, found {found}"
        raise document.error(problem)
    try:
        return TypeAdapter(shape).validate_python(document.data)
    except ValidationError as error:
        raise _explain(document, error.errors(include_url=False), shape) from None


def _explain(document: Document, details: list[ErrorDetails], shape: Any) -> UsageError:
    def rank(detail: ErrorDetails) -> tuple[int, int]:
        place = _written(document, detail["loc"])
        return (document.lines.get(place, 10**9), detail["type"] != "unexpected_keyword_argument")

    detail = min(details, key=rank)
    place = _written(document, detail["loc"])
    context = detail.get("ctx") or {}
    if detail["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        name = str(place[-1]) if place else "?"
        known = _fields_at(shape, place[:-1])
        return document.error(
            f"unknown key {name!r}", place, known=", ".join(known) or None, hint=did_you_mean(name, known)
        )
    if detail["type"] in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return document.error("missing", tuple(detail["loc"]))  # the nearest written place gives the line
    if detail["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        found = detail["input"]
        return document.error(
            f"unknown value {_short(found)}", place, known=", ".join(known), hint=did_you_mean(str(found), known)
        )
    message = detail["msg"] if detail["type"] == "field_error" else detail["msg"][:1].lower() + detail["msg"][1:]
    found = "" if isinstance(detail["input"], dict) else f", found {_short(detail['input'])}"
    return document.error(
        message + found,
        place,
        known=context.get("known"),
        hint=context.get("hint"),
    )


def _fields_at(shape: Any, place: Place) -> list[str]:
    """Return the names of the fields that `shape` has at a place."""
    for part in place:
        shape = _bare(shape)
        if dataclasses.is_dataclass(shape):
            shape = typing.get_type_hints(shape, include_extras=True).get(str(part))
        else:
            arguments = typing.get_args(shape)
            shape = arguments[-1 if isinstance(part, str) else 0] if arguments else None
    shape = _bare(shape)
    return [field.name for field in dataclasses.fields(shape)] if dataclasses.is_dataclass(shape) else []


def _bare(hint: Any) -> Any:
    """Return a type without its annotations, and without None."""
    if typing.get_origin(hint) is Annotated:
        return _bare(typing.get_args(hint)[0])
    if isinstance(hint, types.UnionType):
        return _bare(next(part for part in hint.__args__ if part is not type(None)))
    return hint


def _written(document: Document, place: tuple[int | str, ...]) -> Place:
    """Return the longest head of a pydantic location that names a written place (it also names union members)."""
    kept: Place = ()
    for part in place:
        if (*kept, part) in document.lines:
            kept = (*kept, part)
    return kept


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, dict | list) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def did_you_mean(found: str, known: Iterable[str]) -> str | None:
    """Return a hint that names the known word nearest to what was found, or None."""
    near = difflib.get_close_matches(found, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else None


def field_error(problem: str, *, known: str | None = None, hint: str | None = None) -> PydanticCustomError:
    """Return an error for a pydantic validator to raise, in our own words."""
    context: dict[str, Any] = {}
    if known:
        context["known"] = known
    if hint:
        context["hint"] = hint
    return PydanticCustomError("field_error", problem.replace("{", "(").replace("}", ")"), context)


def duration_ns(value: object) -> int:
    """Return a duration such as `20s` or `500ms` in nanoseconds."""
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return 0
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        hint = f"write {value}s for seconds" if isinstance(value, int | float) and not isinstance(value, bool) else None
        raise field_error("expected a duration", known="500ms, 20s, 5m, 1h", hint=hint)
    ns = round(float(match["number"]) * _NS[match["unit"]])
    if ns > _DURATION_MAX_NS:
        raise field_error("a duration over 7 days")
    return ns


def rate_per_s(value: object) -> float:
    """Return a rate such as `10/s` or `60/min` in events per second."""
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        hint = f"write {value}/s for events per second" if isinstance(value, int | float) else None
        raise field_error("expected a rate", known="10/s, 60/min", hint=hint)
    rate = float(match["number"]) / (_NS[match["unit"]] / 10**9)
    if not 0 < rate <= 1e6:
        raise field_error("expected a rate above 0 and at most 1000000/s")
    return rate


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many things in so much time: the size of a bucket, and the time in which an empty one is full again.

    Attributes:
        amount: How many.
        per_ns: The time, in nanoseconds.
    """

    amount: int
    per_ns: int

    def __str__(self) -> str:
        units = {10**9: "s", 60 * 10**9: "min", 3600 * 10**9: "h"}
        return f"{self.amount}/{units[self.per_ns]}"


def allowance(value: object) -> Allowance:
    """Return an allowance such as `60/min`."""
    match = _ALLOWANCE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise field_error("expected a whole number in a time", known="60/min, 10/s, 90000/h")
    return Allowance(int(match["number"]), _NS[match["unit"]])


def share(value: object) -> float:
    """Return a share such as `30%` as a number from 0 to 1."""
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match["number"]) > 100:
        raise field_error("expected a share from 0% to 100%", known="30%, 99.9%", hint="a share ends in %")
    return float(match["number"]) / 100


def duration_text(ns: int) -> str:
    """Return nanoseconds as people write a duration, exactly."""
    for unit in ("h", "s", "ms", "us"):  # minutes as seconds: 90s is 1.5 minutes
        if ns and ns % _NS[unit] == 0:
            return f"{ns // _NS[unit]}{unit}"
        if unit == "s" and ns >= _NS["s"] and ns % 10**6 == 0:
            return f"{ns / 10**9:g}s"
    return f"{ns}ns" if ns else "0s"


def share_text(part: float) -> str:
    """Return a share as people write it."""
    return f"{_number_text(part * 100)}%"


def _number_text(value: float) -> str:
    return str(int(value)) if math.isclose(value, round(value)) else repr(value)


Duration = Annotated[
    int,
    BeforeValidator(duration_ns),
    PlainSerializer(duration_text),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ns|us|ms|s|min|m|h)$", "examples": ["500ms", "20s"]}
    ),
]
Rate = Annotated[
    float,
    BeforeValidator(rate_per_s),
    PlainSerializer(lambda rate: f"{_number_text(rate)}/s"),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*/\s*(s|min|m|h)$", "examples": ["10/s", "60/min"]}),
]
Share = Annotated[
    float,
    BeforeValidator(share),
    PlainSerializer(share_text),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$", "examples": ["30%", "99.9%"]}),
]
AllowanceText = Annotated[
    Allowance,
    BeforeValidator(allowance),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9]\d*\s*/\s*(s|min|m|h)$", "examples": ["60/min", "10000/min"]}),
]
