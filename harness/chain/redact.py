"""A chain without its secrets, fit to be written down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from harness.chain.spec import Chain, Endpoint

HIDDEN = "(hidden)"

_SECRET = re.compile(
    r"key|secret|token(?!s)|passw|credential|auth|cookie|headers|environment_variables|dsn|webhook", re.IGNORECASE
)
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|xox[a-z]|ghp|gho|AKIA|AIza)[-_]?[A-Za-z0-9_\-]{12,}|\bBearer\s+(?P<bearer>\S+)"
    r"|://[^/\s@:]*:?(?P<password>[^/\s@]*)@"
)
_REFERENCE = re.compile(r"(os\.environ|env)/\w+")
_FLAG_ALONE = re.compile(r"--?[A-Za-z][\w.\-]*")
_SURE_FLAG = re.compile(r"--[A-Za-z].*|-[A-Za-z]", re.DOTALL)
# NAME=…, --name=…, "name": …, Name: …, and --name … within one argument, as in `sh -c "gateway --token …"`
_NAMED = re.compile(
    r"""(?<![\w.\-?&;\#])-{0,2}(?P<name>[A-Za-z_][\w.\-]*)(?:["']\s*[:=]|\s*=|:(?=\s))\s*["']?"""
    r"|(?<!\S)--?(?P<flag>[A-Za-z][\w.\-]*)\s+"
)
_QUERY = re.compile(r"(?P<before>[?&;#](?P<name>[\w.\-%\[\]]+)=)(?P<value>[^&;#\s]*)")
_WORD = re.compile(r"""[^\s"',;}]+""")
_LENGTH_MIN = 6


def redact(chain: Chain) -> Chain:
    """Return the chain with every value that may be a secret hidden; references to the environment stay."""
    endpoint = chain.endpoint
    if endpoint is not None:
        command = None
        if endpoint.command is not None:
            command = tuple(_redact(part, secret=secret) for part, secret in _arguments(endpoint.command))
        headers = dict.fromkeys(endpoint.headers, HIDDEN)
        endpoint = replace(endpoint, headers=headers, command=command, base_url=_redact(endpoint.base_url))
    litellm = None if chain.litellm is None else _redact(chain.litellm)
    providers = {
        name: replace(provider, upstream=_redact(provider.upstream)) for name, provider in chain.providers.items()
    }
    return replace(chain, endpoint=endpoint, litellm=litellm, providers=providers)


def secrets(chain: Chain, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the texts that `redact` would hide, and those that the chain's references to the environment lead to.

    Texts of fewer than six characters are left out: they stand in too much that is none of them.
    """
    found = set(_secrets(chain.litellm or {}, environ))
    if chain.endpoint is not None:
        found.update(_endpoint_secrets(chain.endpoint, environ))
    for provider in chain.providers.values():
        found.update(_secrets({"api_key": provider.api_key, "upstream": provider.upstream}, environ))
    return frozenset(text for text in found if len(text) >= _LENGTH_MIN)


def scrub(text: str, secrets: frozenset[str]) -> str:
    """Return a text without the secrets in it, and without what looks like a key."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _KEY_LIKE.sub(HIDDEN, text)


def _arguments(command: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield a command's arguments, and whether each is the value of a flag whose name looks secret."""
    after = False
    for part in command:
        yield part, after and not _SURE_FLAG.fullmatch(part)
        # Asked of a value too: one dash may begin either, and a flag taken for a value must not bare the next one.
        after = _FLAG_ALONE.fullmatch(part) is not None and _names_secret(part)


def _endpoint_secrets(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[str]:
    told = {"headers": endpoint.headers, "base_url": endpoint.base_url, "api_key": endpoint.api_key}
    yield from _secrets(told, environ)
    for part, secret in _arguments(endpoint.command or ()):
        yield from _secrets(part, environ, secret=secret)


def _secrets(value: Any, environ: Mapping[str, str], *, secret: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, environ, secret=secret or _names_secret(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, environ, secret=secret)
    elif isinstance(value, str) and _REFERENCE.fullmatch(value):
        yield environ.get(value.split("/", 1)[1], "").strip()
    else:
        if _hides(value, secret=secret):
            yield str(value)
        if isinstance(value, str):
            yield from _within(value)


def _within(text: str) -> Iterator[str]:
    """Yield the secrets that a text holds among other things, as a program that was given it may print them."""
    for match in _KEY_LIKE.finditer(text):
        yield from (match["bearer"] or "", match["password"] or "", unquote(match["password"] or ""))
    rest = text[_begin(text) :]
    yield rest
    word = _WORD.match(rest)
    yield word[0] if word else ""
    for match in _QUERY.finditer(text):
        if _names_secret(match["name"]):
            yield from (match["value"], unquote(match["value"]))


def _redact(value: Any, *, secret: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _redact(item, secret=secret or _names_secret(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, secret=secret) for item in value]
    if _hides(value, secret=secret):
        return HIDDEN
    return _hide_within(value) if isinstance(value, str) and not _REFERENCE.fullmatch(value) else value


def _hide_within(text: str) -> str:
    begin = _begin(text)
    shown = text[:begin] + (HIDDEN if begin < len(text) else "")
    return _QUERY.sub(lambda match: match["before"] + HIDDEN if _names_secret(match["name"]) else match[0], shown)


def _begin(text: str) -> int:
    """Return where the value begins that a text gives to a secret's name; it may go on to the end of the text."""
    for match in _NAMED.finditer(text):
        if _names_secret(match["name"] or match["flag"]):
            return match.end()
    return len(text)


def _names_secret(key: object) -> bool:
    return _SECRET.search(str(key)) is not None


def _hides(value: Any, *, secret: bool) -> bool:
    if isinstance(value, str):
        return not _REFERENCE.fullmatch(value) and (secret or _KEY_LIKE.search(value) is not None)
    return secret and isinstance(value, int | float) and not isinstance(value, bool)
