"""What the chain file of a gateway that is not ours must hold."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from harness.chain.spec import PLACEHOLDER, Chain, ChainError, Endpoint
from harness.document.spelling import did_you_mean

_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def check(chain: Chain) -> None:
    """Refuse a gateway that could not be started or called.

    Raises:
        ChainError: What is wrong.
    """
    endpoint = chain.endpoint
    assert endpoint is not None
    _check_address(endpoint.base_url)
    _check_headers(endpoint)
    for place, argument in enumerate(endpoint.command or ()):
        for name in PLACEHOLDER.findall(argument):
            if name not in chain.providers:
                raise ChainError(
                    f"unknown provider {name!r}",
                    ("endpoint", "command", place),
                    known=", ".join(chain.providers),
                    hint=did_you_mean(name, chain.providers),
                )
    _check_ports(chain, endpoint)


def remarks(endpoint: Endpoint) -> tuple[str, ...]:
    """Return what is odd about a gateway's address, though it may be right, in sentences."""
    path = urlsplit(endpoint.base_url).path.rstrip("/")
    if path.endswith("/v1"):
        return ()
    return (f"endpoint.base_url does not end in /v1: requests go to {path}/chat/completions",)


def _check_ports(chain: Chain, endpoint: Endpoint) -> None:
    taken: dict[str, str] = {}
    for name, provider in chain.providers.items():
        place = ("providers", name, "listen")
        if provider.listen is None:
            if endpoint.command is None:
                hint = "name the host:port that the gateway calls, or give the command that starts it"
                raise ChainError("missing", place, hint=hint)
            continue
        if provider.listen in taken:
            problem = f"{provider.listen} is {taken[provider.listen]}'s too"
            raise ChainError(problem, place, hint="each provider has a port of its own")
        if provider.listen == urlsplit(endpoint.base_url).netloc:
            hint = "the gateway calls this address; callers call base_url"
            raise ChainError("the gateway's own address", place, hint=hint)
        taken[provider.listen] = name


def _check_address(base_url: str) -> None:
    """Refuse a `base_url` that no request can go to."""
    place = ("endpoint", "base_url")
    if not re.match(r"https?://[^/\s]+", base_url):
        hint = f"write http://{base_url}" if re.match(r"[\w.\-]+:\d+(/|$)", base_url) else None
        raise ChainError(f"expected an http address, found {base_url!r}", place, hint=hint)
    parts = urlsplit(base_url)
    try:
        known = parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ChainError("expected a port from 1 to 65535", place)
    if parts.query or parts.fragment:
        hint = "what gateways want goes into headers"
        raise ChainError("a query or fragment has no place here", place, hint=hint)
    if (path := parts.path.rstrip("/")).endswith("/chat/completions"):
        hint = f"up to and including /v1: leave {'/chat/completions'!r} out"
        raise ChainError(f"expected no more than the beginning of {path}", place, hint=hint)


def _check_headers(endpoint: Endpoint) -> None:
    """Refuse headers that cannot be sent. Their values are not shown, as they may be secrets."""
    for name, value in endpoint.headers.items():
        place = ("endpoint", "headers", name)
        if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ChainError("this header cannot be sent", place, hint="one line of printable Latin-1")
        if name.lower() == "authorization" and endpoint.api_key is not None:
            hint = "api_key is sent as `authorization: Bearer …`: leave one of them out"
            raise ChainError("given twice", place, hint=hint)
