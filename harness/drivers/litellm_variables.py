"""Environment variables that LiteLLM takes its own settings from, such as its default cooldown.

They are read from the source of the installed package without importing it, which takes seconds.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_FILE = "constants.py"
_READ = re.compile(r"os\.(?:getenv|environ\.get)\(\s*\"([A-Z][A-Z0-9_]*)\"")


@cache
def variables() -> frozenset[str]:
    """Return their names. None of them holds a key: the file holds limits, times and switches."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    return frozenset(_READ.findall(Path(spec.origin).with_name(_FILE).read_text(encoding="utf-8")))
