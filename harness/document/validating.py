"""Plain data as a dataclass with pydantic annotations, or every mistake in it, each with its line, what is known and a hint."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from harness.document.marks import IfMissing, key_of
from harness.document.places import Place, field_name
from harness.document.reading import Document
from harness.document.spelling import did_you_mean, nearest
from harness.errors import UsageError, raise_errors

T = TypeVar("T")

_WORD_MAX = 80
_adapter_of: Callable[[Any], TypeAdapter[Any]] = cache(
    TypeAdapter
)  # made once: it takes longer than to read a file with it
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")
_PHRASES = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dataclass_type": "expected a mapping of fields",
    "dict_type": "expected a mapping of fields",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "list_type": "expected a list",
    "string_type": "expected text",
    "tuple_type": "expected a list",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected at least {ge}",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected at most {le}",
    "multiple_of": "expected a multiple of {multiple_of}",
    "string_pattern_mismatch": "expected text like {pattern}",
}
"""What pydantic's types of error mean to somebody who wrote YAML; other types keep pydantic's message."""


def validate(document: Document, shape: type[T], *, derived: frozenset[str] = frozenset()) -> T:
    """Return the document as `shape`, a dataclass with pydantic annotations.

    Args:
        document: The file.
        shape: What it must be.
        derived: Fields of the shape that no file may contain.

    Raises:
        UsageError: Naming every place that is wrong.
    """
    if not isinstance(document.data, dict):
        found = "nothing" if document.data is None else _short(document.data)
        raise document.error(f"expected a mapping of fields, found {found}")
    details: list[ErrorDetails] = []
    data = {key: value for key, value in document.data.items() if key not in derived}
    try:
        valid: T = _adapter_of(shape).validate_python(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise_errors(_Explainer(document, shape, derived).errors(details))
    return valid


class _Field(NamedTuple):
    """A key that may be written.

    Attributes:
        key: As it is written.
        hint: Its type.
    """

    key: str
    hint: Any


@dataclasses.dataclass(frozen=True, slots=True)
class _Explainer:
    """Explains what pydantic found wrong in a document.

    Attributes:
        document: The file.
        shape: What it should be.
        derived: Fields of the shape that no file may contain.
    """

    document: Document
    shape: Any
    derived: frozenset[str]

    def errors(self, details: list[ErrorDetails]) -> list[UsageError]:
        """Return unknown keys first, then what is wrong by line, then what is missing."""
        unknown = [
            (self._written(detail["loc"]), str(detail["loc"][-1])) for detail in details if _is(detail, _UNKNOWN)
        ]
        unknown += [((key,), key) for key in self.document.data if key in self.derived]
        wrong = [
            detail
            for detail in details
            if not _is(detail, _UNKNOWN) and not _is(detail, _MISSING) and not _is_echo(detail, details)
        ]
        meant = {(*place[:-1], nearest(name, self._known(place[:-1]))) for place, name in unknown}
        missing = [tuple(detail["loc"]) for detail in details if _is(detail, _MISSING)]
        by_place: dict[Place, ErrorDetails] = {}
        for detail in wrong:  # a union has one for each of its members
            by_place.setdefault(self._written(detail["loc"]), detail)
        return [
            *(self._unknown(place, name) for place, name in sorted(unknown, key=lambda each: self._line(each[0]))),
            *(self._wrong(place, by_place[place]) for place in sorted(by_place, key=self._line)),
            *(self._missing(place) for place in missing if place not in meant),
        ]

    def _line(self, place: Place) -> int:
        return self.document.lines.get(place, 0)

    def _unknown(self, place: Place, name: str) -> UsageError:
        known = self._known(place[:-1])
        hint = did_you_mean(name, known)
        elsewhere = [path for path in _paths(self.shape, name) if path[0] not in self.derived]
        if hint is None and elsewhere:
            hint = f"did you mean {field_name(elsewhere[0])}?"
        return self.document.error(
            f"unknown key {name[:_WORD_MAX]!r}", place, known=", ".join(known) or None, hint=hint
        )

    def _missing(self, place: Place) -> UsageError:
        marks = typing.get_args(self._hint(place))
        hint = next((mark.hint for mark in marks if isinstance(mark, IfMissing)), None)
        return self.document.error("missing", place, hint=hint)

    def _wrong(self, place: Place, detail: ErrorDetails) -> UsageError:
        context, found = detail.get("ctx") or {}, detail["input"]
        if detail["type"] == "literal_error":
            known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            hint = did_you_mean(str(found), known)
            return self.document.error(f"unknown value {_short(found)}", place, known=", ".join(known), hint=hint)
        message = detail["msg"]
        if detail["type"] != "field_error":
            phrase = _PHRASES.get(detail["type"])
            message = phrase.format(**context) if phrase else message[:1].lower() + message[1:]
        shown = "" if isinstance(found, dict) and detail["type"] == "field_error" else f", found {_short(found)}"
        return self.document.error(message + shown, place, known=context.get("known"), hint=context.get("hint"))

    def _known(self, place: Place) -> list[str]:
        """Return the keys that may be written at a place."""
        fields = _fields(self._hint(place))
        return [field.key for field in fields if place or field.key not in self.derived]

    def _hint(self, place: Place) -> Any:
        """Return the type of what may be written at a place."""
        shape = self.shape
        for part in place:
            fields = {field.key: field.hint for field in _fields(shape)}
            shape = fields.get(str(part)) if fields else _item(shape, part)
        return shape

    def _written(self, place: tuple[int | str, ...]) -> Place:
        """Return what of a pydantic location is a place of the file: it also names members of unions."""
        kept: Place = ()
        for part in place:
            if (*kept, part) in self.document.lines:
                kept = (*kept, part)
        return kept


def _is_echo(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Return whether a list is only called too short as its items are wrong."""
    place = tuple(detail["loc"])
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and tuple(other["loc"])[: len(place)] == place for other in details
    )


def _is(detail: ErrorDetails, kinds: tuple[str, ...]) -> bool:
    return detail["type"] in kinds


def _fields(shape: Any) -> list[_Field]:
    """Return the fields of a dataclass, as they are written; none for any other type."""
    shape = _bare(shape)
    if not dataclasses.is_dataclass(shape):
        return []
    hints = typing.get_type_hints(shape, include_extras=True)
    return [_Field(key_of(field.name), hints[field.name]) for field in dataclasses.fields(shape)]


def _item(hint: Any, part: int | str) -> Any:
    """Return the type of what a list or a mapping holds."""
    arguments = [argument for argument in typing.get_args(_bare(hint)) if argument is not ...]
    return arguments[-1 if isinstance(part, str) else 0] if arguments else None


def _bare(hint: Any) -> Any:
    """Return a type without its annotations, and without None."""
    if typing.get_origin(hint) is Annotated:
        return _bare(typing.get_args(hint)[0])
    if isinstance(hint, types.UnionType):
        return _bare(next(part for part in hint.__args__ if part is not type(None)))
    return hint


def _paths(shape: Any, name: str, depth: int = 4) -> Iterator[Place]:
    """Yield where a key may be written, the nearest to the top first in each branch."""
    fields = _fields(shape)
    yield from ((field.key,) for field in fields if field.key == name)
    for field in fields if depth else ():
        inner = field.hint
        while not _fields(inner) and typing.get_args(_bare(inner)):
            inner = _item(inner, "")
        yield from ((field.key, *path) for path in _paths(inner, name, depth - 1))


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
