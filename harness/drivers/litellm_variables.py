"""Environment variables that LiteLLM takes its own settings from, such as its default cooldown.

They are read from the source of the installed package without importing it, which takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_FILE = "constants.py"
_READ = re.compile(r"os\.(?:getenv|environ\.get)\(\s*\"([A-Z][A-Z0-9_]*)\"")


def variables(origins: Mapping[str, str]) -> frozenset[str]:
    """Return their names. None of them holds a key: the file holds limits, times and switches.

    Args:
        origins: The file of LiteLLM's package, if it is not in our own environment.
    """
    origin = origins.get("litellm")
    if origin is None:
        spec = find_spec("litellm")
        assert spec is not None
        assert spec.origin is not None
        origin = spec.origin
    return _read(origin)


@cache
def _read(origin: str) -> frozenset[str]:
    file = Path(origin).with_name(_FILE)
    return frozenset(_READ.findall(file.read_text(encoding="utf-8"))) if file.is_file() else frozenset()
