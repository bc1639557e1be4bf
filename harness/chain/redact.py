"""A chain without its secrets, fit to be written down."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from harness.chain.spec import Chain

_SECRET = re.compile(r"key|secret|token(?!s)|password|credential|authorization|cookie", re.IGNORECASE)
_REFERENCE = re.compile(r"(os\.)?environ?/\w+")
HIDDEN = "(hidden)"


def redact(chain: Chain) -> Chain:
    """Return the chain with every value that may be a secret hidden; references to the environment stay."""
    endpoint = chain.endpoint
    if endpoint is not None:
        endpoint = replace(endpoint, headers=dict.fromkeys(endpoint.headers, HIDDEN))
    litellm = None if chain.litellm is None else _redact(chain.litellm)
    return replace(chain, endpoint=endpoint, litellm=litellm)


def _redact(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, name) for item in value]
    secret = _SECRET.search(name) and isinstance(value, str) and not _REFERENCE.fullmatch(value)
    return HIDDEN if secret else value
