"""Declarations by name: ours, one file each, and those of other packages, loaded only when somebody names them.

A package adds one by an entry point, `name = "package.module:OBJECT"`, in the group `llm_fallback_harness.KINDS`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, NamedTuple, TypeVar

from harness.errors import UsageError

T = TypeVar("T")
PREFIX = "llm_fallback_harness."


class Plugin(NamedTuple):
    """A declaration of another package that this process has loaded.

    Attributes:
        group: What it declares: `faults`, `dialects`, `findings`, `drivers`.
        name: Its name there.
        distribution: The package that brings it, empty if its metadata do not name it.
        version: Of that package.
    """

    group: str
    name: str
    distribution: str
    version: str


_LOADED: dict[tuple[str, str], Plugin] = {}


def loaded() -> tuple[Plugin, ...]:
    """Return the declarations of other packages that this process has loaded, in order of group and name."""
    return tuple(_LOADED[key] for key in sorted(_LOADED))


class Registry(Generic[T]):
    """All declarations of one shape.

    Args:
        group: Plural name: `faults`; entry points of other packages are in `llm_fallback_harness.faults`.
        package: Our own package of them: every module-level object of the shape in its modules is one.
        shape: Their class.
        name_of: Returns a declaration's name.
    """

    def __init__(self, group: str, *, package: str, shape: type[T], name_of: Callable[[T], str]) -> None:
        self.group = group
        self._package = package
        self._shape = shape
        self._name_of = name_of
        self._foreign: dict[str, T] = {}

    @cached_property
    def own(self) -> Mapping[str, T]:
        """Our own declarations by name, in the order of their files and their lines."""
        found: dict[str, T] = {}
        for module in _modules(self._package):
            for value in vars(importlib.import_module(module)).values():
                if not isinstance(value, self._shape):
                    continue
                name = self._name_of(value)
                if found.setdefault(name, value) is not value:
                    raise ValueError(f"two {self.group} are called {name!r}")
        return found

    def __getitem__(self, name: str) -> T:
        """Return a declaration by its name: ours, or another package's, which is loaded now.

        Raises:
            KeyError: Nobody declares it.
            UsageError: A package declares it, but it cannot be loaded or is something else.
        """
        if name in self.own:
            return self.own[name]
        if name not in self._foreign:
            self._foreign[name] = self._load(name)
        return self._foreign[name]

    def __contains__(self, name: object) -> bool:
        """Return whether anybody declares the name; nothing is loaded."""
        return name in self.own or name in self.foreign

    @property
    def foreign(self) -> Mapping[str, EntryPoint]:
        """Entry points of other packages by name. One that has the name of ours, or of an earlier one, is left out."""
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=PREFIX + self.group):
            if point.name not in self.own:
                found.setdefault(point.name, point)
        return found

    def names(self) -> tuple[str, ...]:
        """Return all names, ours first; nothing is loaded."""
        return (*self.own, *self.foreign)

    def _load(self, name: str) -> T:
        point = self.foreign.get(name)
        if point is None:
            raise KeyError(name)
        package = point.dist.name if point.dist else ""
        where = f"plugin {point.value!r} of {package or 'an unknown package'}"
        try:
            declared = point.load()
        except Exception as error:  # whatever another package does when it is imported
            problem = f"{self.group[:-1]} {name!r} cannot be loaded: {type(error).__name__}: {error}"
            raise UsageError(problem, where=where, hint=f"repair or uninstall {package or point.value}") from None
        if not isinstance(declared, self._shape):
            problem = f"{self.group[:-1]} {name!r} is a {type(declared).__name__}, not a {self._shape.__name__}"
            raise UsageError(problem, where=where, hint=f"see CONTRIBUTING: how to add one of the {self.group}")
        if self._name_of(declared) != name:
            problem = f"the entry point is called {name!r}, what it declares {self._name_of(declared)!r}"
            raise UsageError(problem, where=where, hint="give both the same name")
        _LOADED[self.group, name] = Plugin(self.group, name, package, point.dist.version if point.dist else "")
        return declared


def _modules(package: str) -> Iterator[str]:
    """Yield the package and its modules, in order of their names, those of sub-packages included."""
    yield package
    root = importlib.import_module(package)
    for found in sorted(pkgutil.walk_packages(root.__path__, f"{package}."), key=lambda each: each.name):
        if not found.name.endswith(".__main__"):
            yield found.name
