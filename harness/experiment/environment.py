"""Where and how a run ran, for people who read or repeat it."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import registry
from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.drivers import built
from harness.drivers.interpreter import NAMED, interpreter_of, own_versions

DISTRIBUTIONS = ("llm-fallback-harness", "litellm", "openai", "locust", "aiohttp", "toxiproxy-python")
"""Those whose versions a run records, where they are installed."""


def environment(*, command: str, chain: Chain, toxiproxy: str | None = None) -> dict[str, Any]:
    """Return versions, plugins and machine facts; no name of the machine or its user, no variable, no path but one.

    That one is the chain's interpreter, and it does not name the home folder either.

    Args:
        command: The command line that repeats the run.
        chain: Which is to run.
        toxiproxy: Version and source of the server; None for a run in virtual time.
    """
    return {
        "engine": "live" if toxiproxy else "sim",
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        "toxiproxy": toxiproxy,
        "versions": own_versions(DISTRIBUTIONS),
        "chain": _chain(chain),
        "plugins": [plugin._asdict() for plugin in registry.loaded()],
    }


def _chain(chain: Chain) -> dict[str, Any] | None:
    """Return where a chain runs, and what it finds there; None for one that can run nowhere else, or that is not ours to host."""
    if "python" not in driver_of(chain).keys:
        return None
    found = interpreter_of(chain)
    if found is None:
        return {"interpreter": None, "python": platform.python_version(), "versions": own_versions(NAMED)}
    return {
        "interpreter": _shown(found.path),
        "built_from": None if chain.environment is None else list(built.wanted(chain)),
        "python": found.version,
        "versions": dict(found.versions),
    }


def _shown(path: str) -> str:
    """Return a path from the working directory, or from the home folder, if it is in one of them."""
    for folder, prefix in ((Path.cwd(), ""), (Path.home(), "~/")):
        if Path(path).is_relative_to(folder):
            return f"{prefix}{Path(path).relative_to(folder)}"
    return path


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
