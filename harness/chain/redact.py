"""A chain without its secrets, fit to be written down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from harness.chain.spec import Chain

HIDDEN = "(hidden)"

_SECRET = re.compile(
    r"key|secret|token(?!s)|passw|credential|auth|cookie|headers|environment_variables|dsn|webhook", re.IGNORECASE
)
_KEY_LIKE = re.compile(r"\b(sk|pk|rk|xox[a-z]|ghp|gho|AKIA|AIza)[-_]?[A-Za-z0-9_\-]{12,}|\bBearer\s+\S+|://[^/\s@]+@")
_REFERENCE = re.compile(r"(os\.)?environ?/\w+")
_LENGTH_MIN = 6


def redact(chain: Chain) -> Chain:
    """Return the chain with every value that may be a secret hidden; references to the environment stay."""
    endpoint = chain.endpoint
    if endpoint is not None:
        command = None if endpoint.command is None else tuple(_redact(part) for part in endpoint.command)
        headers = dict.fromkeys(endpoint.headers, HIDDEN)
        endpoint = replace(endpoint, headers=headers, command=command, base_url=_redact(endpoint.base_url))
    litellm = None if chain.litellm is None else _redact(chain.litellm)
    return replace(chain, endpoint=endpoint, litellm=litellm)


def secrets(chain: Chain, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the texts that `redact` would hide, and those that the chain's references to the environment lead to."""
    headers = {} if chain.endpoint is None else chain.endpoint.headers
    found = set(_secrets({"headers": headers, "litellm": chain.litellm or {}}, environ))
    return frozenset(text for text in found if len(text) >= _LENGTH_MIN)


def _secrets(value: Any, environ: Mapping[str, str], *, secret: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, environ, secret=secret or _names_secret(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, environ, secret=secret)
    elif isinstance(value, str) and _REFERENCE.fullmatch(value):
        yield environ.get(value.split("/", 1)[1], "")
    elif _hides(value, secret=secret):
        yield str(value)


def _redact(value: Any, *, secret: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _redact(item, secret=secret or _names_secret(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, secret=secret) for item in value]
    return HIDDEN if _hides(value, secret=secret) else value


def _names_secret(key: object) -> bool:
    return _SECRET.search(str(key)) is not None


def _hides(value: Any, *, secret: bool) -> bool:
    if isinstance(value, str):
        return not _REFERENCE.fullmatch(value) and (secret or _KEY_LIKE.search(value) is not None)
    return secret and isinstance(value, int | float) and not isinstance(value, bool)
