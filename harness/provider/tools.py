"""Calls of tools, as text: the same from whatever form a provider or a gateway gives them."""

from __future__ import annotations

import json


def called(name: str, arguments: str) -> str:
    """Return a call of a tool as text: `get_weather({"city":"Paris"})`.

    Args:
        name: The tool's.
        arguments: JSON as it came; spaces and the order of its keys do not count. What is no JSON stays as it is.
    """
    return f"{name}({canonical(arguments)})"


def canonical(arguments: str) -> str:
    """Return JSON in its shortest form, its keys sorted; what is no JSON as it is."""
    try:
        return json.dumps(json.loads(arguments), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments
