"""What every command prints: errors for people on stderr, one JSON object for programs on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any

from harness.errors import HarnessError, SeveralErrors


def fail(error: HarnessError, *, as_json: bool, **rest: Any) -> None:
    """Print an error: for people on stderr, and with --json for programs on stdout."""
    if as_json:
        several = {"errors": [each.as_json() for each in error.errors]} if isinstance(error, SeveralErrors) else {}
        show({"error": error.as_json(), **several, **rest})
    sys.stderr.write(f"error: {error}\n")


def show(data: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
