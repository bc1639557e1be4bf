"""What travels to a worker: a chain as plain data without its secrets, and the versions that a worker must have."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path

import harness
from harness import registry
from harness.chain import Chain
from harness.chain.masking import with_dummies
from harness.drivers.interpreter import NAMED, is_own, own_versions
from harness.errors import UsageError

HARNESS, PYTHON = "harness", "Python"
"""How its own version and that of Python are named among `versions`."""


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return what this process runs on, by name: ourselves, Python, some distributions, and those that bring declarations.

    Args:
        names: Of the distributions; one that is not installed is left out.
    """
    plugins = {plugin.distribution or plugin.name: plugin.version for plugin in registry.loaded()}
    python = "{}.{}".format(*sys.version_info)
    return {HARNESS: harness.__version__, PYTHON: python, **own_versions(names), **plugins}


def distributions(chain: Chain) -> tuple[str, ...]:
    """Return the names of the installed distributions on which the behaviour of a chain depends."""
    packages = packages_distributions() if chain.target else {}
    return (*NAMED, *(name for module in _modules(chain) for name in packages.get(module, ())))


def shipped(chain: Chain) -> Chain:
    """Return a chain as it travels: no path of this machine, and a dummy for each secret, which virtual time needs none of.

    Raises:
        UsageError: It lives on this machine only.
    """
    if chain.environment is not None or not (chain.python is None or is_own(chain.python)):
        where = "python" if chain.environment is None else "environment"
        raise UsageError(
            "this chain runs in an interpreter of its own, which is on this machine only",
            where=where,
            hint="install its libraries where the workers run, and leave that line out; or leave out --scheduler",
        )
    for module in _modules(chain):
        if not _is_installed(module, chain.folder):
            raise UsageError(
                f"the code of {module} is on this machine only: workers are sent data, not code",
                where="target",
                hint="install it as a package here and where the workers run; or leave out --scheduler",
            )
    return replace(
        chain,
        python=None,
        folder=None,
        litellm=with_dummies(chain.litellm),
        env=with_dummies(chain.env),
        providers={
            name: replace(provider, headers=with_dummies(provider.headers, ("headers",)))
            for name, provider in chain.providers.items()
        },
    )


def _modules(chain: Chain) -> tuple[str, ...]:
    """Return the top-level modules that a chain's functions are in."""
    places = (place for place in (chain.target, chain.setup) if place)
    return tuple(dict.fromkeys(re.split(r"[.:]", place, maxsplit=1)[0] for place in places))


def _is_installed(module: str, folder: str | None) -> bool:
    """Return whether a module comes from an installed package: one beside the chain file would be found first."""
    beside = folder is not None and any((Path(folder) / name).exists() for name in (module, f"{module}.py"))
    return not beside and module in packages_distributions()
