"""Where and how a run ran, for whoever reads or repeats it."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from harness import registry

_DISTRIBUTIONS = ("llm-fallback-harness", "litellm", "openai", "locust", "aiohttp", "toxiproxy-python")


def environment(*, command: str, toxiproxy: str | None = None) -> dict[str, Any]:
    """Return versions, plugins and machine facts; no name of the machine or its user, no path, no variable.

    Args:
        command: The command line that repeats the run.
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
        "versions": _versions(),
        "plugins": [plugin._asdict() for plugin in registry.loaded()],
    }


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _DISTRIBUTIONS}
