"""What annotates a field that people write: pydantic's own annotations, which are made when pydantic asks for them.

A chain runs in an interpreter that may have no pydantic, or one of another version: what it needs of our rooms reads no
files, and there these marks mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pydantic_core import PydanticCustomError


def key_of(field: str) -> str:
    """Return the key that a field is written with: `for_` stands for `for`, which Python keeps for itself."""
    return field.removesuffix("_")


STRICT = {"extra": "forbid", "alias_generator": key_of}
"""The configuration of a dataclass that has no other keys than its fields."""


class Mark:
    """Stands for an annotation of pydantic's or of annotated-types'.

    Args:
        home: The module that has it.
        name: Its name there.
        args: What it is called with, as `options`.
    """

    __is_annotated_types_grouped_metadata__ = True  # so pydantic asks for what it holds

    def __init__(self, home: str, name: str, *args: Any, **options: Any) -> None:
        self._make: Callable[[], Any] = lambda: getattr(import_module(home), name)(*args, **options)

    def __iter__(self) -> Iterator[Any]:
        """Yield what it stands for."""
        made = self._make()
        if getattr(made, "__is_annotated_types_grouped_metadata__", False):
            yield from made
        else:
            yield made


Ge = partial(Mark, "annotated_types", "Ge")
Gt = partial(Mark, "annotated_types", "Gt")
Le = partial(Mark, "annotated_types", "Le")
Len = partial(Mark, "annotated_types", "Len")
MultipleOf = partial(Mark, "annotated_types", "MultipleOf")
AfterValidator = partial(Mark, "pydantic", "AfterValidator")
BeforeValidator = partial(Mark, "pydantic", "BeforeValidator")
PlainSerializer = partial(Mark, "pydantic", "PlainSerializer")
StringConstraints = partial(Mark, "pydantic", "StringConstraints")
WithJsonSchema = partial(Mark, "pydantic", "WithJsonSchema")


class IfMissing(NamedTuple):
    """Marks a field: what to write where it is missing.

    Attributes:
        hint: In a few words.
    """

    hint: str


def schema_checked(check: Callable[[Any], Any], source: Any, handler: Callable[[Any], Any]) -> Any:
    """Return pydantic's schema of a dataclass whose values are checked as a whole: for `__get_pydantic_core_schema__`.

    Args:
        check: Returns the value, or raises `field_error`.
        source: The dataclass.
        handler: Pydantic's.
    """
    after: Callable[..., Any] = import_module("pydantic_core.core_schema").no_info_after_validator_function
    return after(check, handler(source))


def field_error(problem: str, *, known: str | None = None, hint: str | None = None) -> PydanticCustomError:
    """Return an error for a pydantic validator to raise, in our own words."""
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 - see above

    context = {name: text for name, text in (("known", known), ("hint", hint)) if text}
    return PydanticCustomError("field_error", problem.replace("{", "(").replace("}", ")"), context)
