"""Packages that are imported when they are first used: a command that only reads files must not wait for pandas."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


def lazy(name: str) -> Any:
    """Return a stand-in for a module that imports it when something of it is asked for.

    Args:
        name: The module's.
    """
    return _Lazy(name)


class _Lazy(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)
