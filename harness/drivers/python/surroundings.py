"""What a function is imported in: its variables, its folder, and modules that nobody has imported before."""

from __future__ import annotations

import importlib
import os
import re
import sys
import sysconfig
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from types import ModuleType

from harness.chain import Chain
from harness.chain.python_variables import dummy_keys, real_keys, variables

_QUIET = {
    "DO_NOT_TRACK": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",  # else it reads a `.env`
}
"""Keeps libraries from calls out that no chain file names."""
_PROXY = re.compile(r"(?:https?|ftp|all|wss?|no)_proxy", re.IGNORECASE)
_INSTALLED = ("site-packages", "dist-packages")
_STDLIB = Path(sysconfig.get_paths()["stdlib"])


@contextmanager
def surroundings(chain: Chain, base_urls: Mapping[str, str]) -> Iterator[None]:
    """Have a chain's variables and folder in place, and what it prints on standard error; then all is as it was."""
    wanted = {**_QUIET, **dummy_keys(chain), **real_keys(chain, os.environ), **variables(chain, base_urls, os.environ)}
    with redirect_stdout(sys.stderr), _environment(wanted), _modules(own_packages(chain), chain.folder):
        yield


def own_packages(chain: Chain) -> frozenset[str]:
    """Return the names of the packages that a chain's functions are in."""
    return frozenset(re.split(r"[.:]", place, maxsplit=1)[0] for place in (chain.target, chain.setup) if place)


@cache
def is_library(file: str) -> bool:
    """Return whether a module's file belongs to Python or to an installed package."""
    path = Path(file)
    return path.is_relative_to(_STDLIB) or any(part in _INSTALLED for part in path.parts)


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set variables, and unset those of proxies: all that a chain may call is on the loopback.

    On leaving these are as they were. Others stay: a library that stays imported may have set them for itself.
    """
    changed = {*wanted, *filter(_PROXY.fullmatch, os.environ)}
    before = {name: os.environ.get(name) for name in changed}
    _put({**dict.fromkeys(changed), **wanted})
    try:
        yield
    finally:
        _put(before)


def _put(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _modules(packages: Collection[str], folder: str | None) -> Iterator[None]:
    """Import from a folder first, and these packages afresh: what they read at import was not set before."""
    before = set(sys.modules)
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in packages}
    for name in kept:
        del sys.modules[name]
    path = list(sys.path)
    if folder is not None:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if name not in before or name in kept]:
            if name.partition(".")[0] in packages or _is_own(sys.modules[name], folder):
                del sys.modules[name]
        sys.modules.update(kept)


def _is_own(module: ModuleType, folder: str | None) -> bool:
    """Return whether a module is the application's own: in its folder, and not installed there."""
    file = getattr(module, "__file__", None)
    if folder is None or not file or module.__name__.partition(".")[0] == "harness":
        return False
    return Path(file).is_relative_to(folder) and not is_library(file)
