"""The environment of a child process of ours: what it needs to run, and none of the user's keys."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping

_NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TZ|LANG|LANGUAGE|LC_\w+|TMPDIR|TEMP|TMP|XDG_CACHE_HOME"
    r"|VIRTUAL_ENV|LD_LIBRARY_PATH|DYLD_\w+|PYTHON\w+|SSL_CERT_(?:FILE|DIR)|COVERAGE_\w+|HARNESS_(?!TOKEN$)\w+"
)
"""Paths, the locale, what Python takes its own settings from, and trusted certificates."""
_PROXY = re.compile(r"(?:https?|ftp|all|wss?)_proxy", re.IGNORECASE)


def child_environment(more: Collection[str] = (), environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child process of ours. Keys reach it by its start message, if at all.

    Args:
        more: Names of further variables that it needs.
        environ: The environment to take them from; the runner's own if None.
    """
    environ = os.environ if environ is None else environ
    return {name: value for name, value in environ.items() if name in more or _NEEDED.fullmatch(name)}


def without_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the settings of proxies: all that a child of ours calls is on the loopback."""
    return {name: value for name, value in environ.items() if not _PROXY.fullmatch(name)}
