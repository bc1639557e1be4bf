"""What every command prints: errors to people on stderr, one JSON object to programs on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any

from harness.errors import HarnessError


def fail(error: HarnessError, *, as_json: bool, **rest: Any) -> None:
    """Tell an error: to people on stderr, to programs on stdout."""
    if as_json:
        show({"error": {"problem": error.problem, "where": error.where, "hint": error.hint}, **rest})
    sys.stderr.write(f"error: {error}\n")


def show(data: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
