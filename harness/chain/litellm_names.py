"""The providers' names in the chain of a LiteLLM configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from harness.chain.spec import ROLES


def names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a name for each entry of `model_list`."""
    listed = config["model_list"]
    return _names(tuple(str((raw.get("model_info") or {}).get("id") or raw["model_name"]) for raw in listed))


@lru_cache(maxsize=8)
def _names(listed: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of the allowed letters, each its own, fixed by what is written and by the entries before it."""
    taken: dict[str, None] = {}
    for written in listed:
        base = re.sub(r"[^A-Za-z0-9_\-]+", "-", written).strip("-_")[:58] or "deployment"
        if ROLES.fullmatch(base):
            base = f"model-{base}"[:58]
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        taken[name] = None
    return tuple(taken)
