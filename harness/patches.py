"""Replace attributes of modules and classes for a while."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

ABSENT = object()
"""The value of an attribute that its owner does not have itself."""


@contextmanager
def patched(replacements: Iterable[tuple[Any, str, Any]]) -> Iterator[None]:
    """Replace attributes, each an owner, a name and a value; `ABSENT` removes one. On leaving, all is as it was."""
    kept: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, value in replacements:
            kept.append((owner, name, vars(owner).get(name, ABSENT)))
            _put(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(kept):
            _put(owner, name, value)


def _put(owner: Any, name: str, value: Any) -> None:
    if value is not ABSENT:
        setattr(owner, name, value)
    elif name in vars(owner):
        delattr(owner, name)
