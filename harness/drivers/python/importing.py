"""Import a function by its place, and say in one sentence why it cannot be had."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from harness.chain.scrub import scrub
from harness.errors import HarnessError, UsageError


def function_at(place: str, key: str, *, folder: str | None, hidden: frozenset[str]) -> Callable[..., Any]:
    """Return the function at a place.

    Args:
        place: `package.module:name`.
        key: The chain file's key that names it.
        folder: Where it is looked for before the installed packages.
        hidden: Texts that no error may hold.

    Raises:
        UsageError: It cannot be imported, or is no function.
    """
    name, _, attribute = place.partition(":")
    try:
        module = importlib.import_module(name)
    except HarnessError:
        raise
    except SystemExit as end:
        raise UsageError(f"{name} called sys.exit({end.code!r}) when it was imported", where=key) from None
    except Exception as error:
        problem = f"{name} cannot be imported: {described(error, hidden, folder)}"
        raise UsageError(problem, where=key, hint=_advice(error, name, folder)) from None
    try:
        found = attrgetter(attribute)(module)
    except AttributeError:
        known = ", ".join(sorted(each for each in vars(module) if callable(vars(module)[each]) and each[0] != "_"))
        raise UsageError(f"{name} has no {attribute!r}", where=key, known=known or None) from None
    if not callable(found):
        raise UsageError(f"{place} is no function, but of type {type(found).__name__}", where=key)
    function: Callable[..., Any] = found
    return function


def described(error: BaseException, hidden: frozenset[str], folder: str | None) -> str:
    """Return the type of an exception, its first line, and where in the application's own code it was raised."""
    text = scrub(str(error), hidden).split("\n", 1)[0][:300]
    raised = [
        f"{Path(frame.filename).relative_to(folder)}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if folder is not None and Path(frame.filename).is_relative_to(folder)
    ]
    return type(error).__name__ + (f": {text}" if text else "") + (f", in {raised[-1]}" if raised else "")


def _advice(error: Exception, name: str, folder: str | None) -> str | None:
    if not isinstance(error, ModuleNotFoundError):
        return None
    if error.name is not None and error.name in (name, name.partition(".")[0]):
        return f"it is looked for in {folder}, then among the installed packages"
    return "name the interpreter that has it: `python: PATH`, or `environment: {packages: […]}`"


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether calling a function gives something to wait for: a coroutine, or an asynchronous iterator."""
    while isinstance(function, partial):
        function = function.func
    inner = inspect.unwrap(function)
    if not inspect.isroutine(inner):
        inner = type(inner).__call__
    return inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)


def takes(function: Callable[..., Any], *arguments: Any, **options: Any) -> bool:
    """Return whether a function can be called with some arguments; yes if it does not say what it takes."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return True
    try:
        signature.bind(*arguments, **options)
    except TypeError:
        return False
    return True


def names(function: Callable[..., Any], parameter: str) -> bool:
    """Return whether a function has a parameter of this name; no if it does not say what it takes."""
    try:
        return parameter in inspect.signature(function).parameters
    except (ValueError, TypeError):
        return False
