"""A chain file, or a `litellm-config.yaml` as it is, in; a Chain out."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from harness.chain import litellm_config, upstream
from harness.chain.litellm_router import router_settings
from harness.chain.openai_sdk import sdk_settings
from harness.chain.spec import DERIVED, PLACEHOLDER, Chain, Endpoint, HostedConfig
from harness.document import Document, did_you_mean, read, validate
from harness.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,62}")
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_LISTEN = re.compile(r"(?P<host>[\w.\-]+|\[[0-9a-f:]+\]):(?P<port>\d{1,5})")


def load(path: Path, *, model: str | None = None) -> Chain:
    """Return the chain in a file.

    Args:
        path: A chain file, or a LiteLLM configuration.
        model: What callers ask for; the first `model_name` if None. LiteLLM configurations only.

    Raises:
        UsageError: The file is not a chain; names file, line and field.
    """
    document = read(path)
    if isinstance(document.data, dict) and "model_list" in document.data:
        return litellm_config.chain(document, model=model)
    if isinstance(document.data, dict) and "config" in document.data:
        return _hosted(document, model)
    chain = validate(document, Chain, derived=DERIVED)
    _check(document, chain)
    _check_driver(document, chain)
    return chain


def _hosted(document: Document, model: str | None) -> Chain:
    how = validate(document, HostedConfig)
    path = document.path.parent / how.config
    if not path.is_file():
        raise document.error(f"no such file: {how.config!r}", ("config",))
    config = read(path)
    if not isinstance(config.data, dict) or "model_list" not in config.data:
        problem = "not a LiteLLM configuration: it has no model_list"
        raise document.error(problem, ("config",))
    chain = replace(
        litellm_config.chain(config, model=model),
        name=how.name,
        driver=how.driver,
        workers=how.workers,
        max_requests=how.max_requests,
        max_cost=how.max_cost,
    )
    _check_workers(document, chain)
    return chain


def _check(document: Document, chain: Chain) -> None:
    for name in chain.providers:
        if not _NAME.fullmatch(name):
            problem = f"not a provider's name: {name!r}"
            raise document.error(problem, ("providers", name), hint="letters, digits, - and _, at most 63")
        if name in {"primary", "fallbacks", "all"} or re.fullmatch(r"fallback-\d+", name):
            problem = f"{name!r} is a role and cannot name a provider"
            raise document.error(problem, ("providers", name))
    for place, name in enumerate(chain.order):
        if name not in chain.providers:
            problem = f"unknown provider {name!r}"
            known = ", ".join(chain.providers)
            raise document.error(problem, ("order", place), known=known, hint=did_you_mean(name, chain.providers))
        if name in chain.order[:place]:
            problem = f"provider {name!r} stands in the order twice"
            raise document.error(problem, ("order", place))
    for name, provider in chain.providers.items():
        match = _LISTEN.fullmatch(provider.listen) if provider.listen else None
        if provider.listen and (match is None or not 0 < int(match["port"]) < 65536):
            problem = f"expected host:port, found {provider.listen!r}"
            raise document.error(problem, ("providers", name, "listen"), hint='write "127.0.0.1:18081"')
        if provider.upstream is not None:
            try:
                upstream.parse(provider.upstream)
            except ValueError as error:
                hint = "upstream: https://api.openai.com/v1"
                raise document.error(str(error), ("providers", name, "upstream"), hint=hint) from None


def _check_workers(document: Document, chain: Chain) -> None:
    if chain.workers != 1 and chain.driver != "litellm-proxy":
        raise document.error("`workers:` goes with `driver: litellm-proxy`", ("workers",))


def _check_driver(document: Document, chain: Chain) -> None:
    _check_workers(document, chain)
    if (chain.driver == "endpoint") != (chain.endpoint is not None):
        problem = "`endpoint:` goes with `driver: endpoint`"
        raise document.error(problem, ("endpoint",) if chain.endpoint else ("driver",))
    if chain.policy is not None and chain.driver != "reference":
        raise document.error("`policy:` goes with `driver: reference`", ("policy",))
    if chain.endpoint is not None:
        _check_endpoint(document, chain, chain.endpoint)
        return
    if chain.driver == "reference":
        _check_policy(document, chain)
        return
    if chain.retry is not None and chain.retry.backoff not in (None, "exponential"):
        problem = f"{chain.driver} backs off in its own way, not {chain.retry.backoff!r}"
        raise document.error(problem, ("retry", "backoff"), known="exponential", hint="or `driver: reference`")
    try:
        if chain.driver == "openai-sdk":
            sdk_settings(chain)
        else:
            router_settings(chain, {}, {})
    except UsageError as error:
        raise document.error(
            error.problem, tuple((error.where or "").split(".")), known=error.known, hint=error.hint
        ) from None


def _check_policy(document: Document, chain: Chain) -> None:
    for name in chain.policy.retry_at if chain.policy is not None else ():
        if name not in chain.providers:
            problem = f"unknown provider {name!r}"
            known = ", ".join(chain.providers)
            place = ("policy", "retry_at", name)
            raise document.error(problem, place, known=known, hint=did_you_mean(name, chain.providers))


def _check_endpoint(document: Document, chain: Chain, endpoint: Endpoint) -> None:
    _check_address(document, endpoint.base_url)
    _check_headers(document, endpoint)
    for place, argument in enumerate(endpoint.command or ()):
        for name in PLACEHOLDER.findall(argument):
            if name not in chain.providers:
                problem = f"unknown provider {name!r}"
                known = ", ".join(chain.providers)
                hint = did_you_mean(name, chain.providers)
                raise document.error(problem, ("endpoint", "command", place), known=known, hint=hint)
    taken: dict[str, str] = {}
    for name, provider in chain.providers.items():
        if provider.listen is None:
            if endpoint.command is None:
                hint = "name the host:port that the gateway calls, or give the command that starts it"
                raise document.error("missing", ("providers", name, "listen"), hint=hint)
            continue
        if provider.listen in taken:
            problem = f"{provider.listen} is {taken[provider.listen]}'s too"
            raise document.error(problem, ("providers", name, "listen"), hint="each provider has a port of its own")
        if provider.listen == urlsplit(endpoint.base_url).netloc:
            hint = "the gateway calls this address; callers call base_url"
            raise document.error("the gateway's own address", ("providers", name, "listen"), hint=hint)
        taken[provider.listen] = name


def _check_address(document: Document, base_url: str) -> None:
    """Refuse a `base_url` that no request can go to."""
    place = ("endpoint", "base_url")
    if not re.match(r"https?://[^/\s]+", base_url):
        hint = f"write http://{base_url}" if re.match(r"[\w.\-]+:\d+(/|$)", base_url) else None
        raise document.error(f"expected an http address, found {base_url!r}", place, hint=hint)
    parts = urlsplit(base_url)
    try:
        known = parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise document.error("expected a port from 1 to 65535", place)
    if parts.query or parts.fragment:
        raise document.error(
            "a query or fragment has no place here", place, hint="what gateways want goes into headers"
        )
    if (path := parts.path.rstrip("/")).endswith("/chat/completions"):
        hint = f"up to and including /v1: leave {'/chat/completions'!r} out"
        raise document.error(f"expected no more than the beginning of {path}", place, hint=hint)


def _check_headers(document: Document, endpoint: Endpoint) -> None:
    """Refuse headers that cannot be sent; their values are not told, as they may be secrets."""
    for name, value in endpoint.headers.items():
        if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            hint = "one line of printable Latin-1"
            raise document.error("this header cannot be sent", ("endpoint", "headers", name), hint=hint)
        if name.lower() == "authorization" and endpoint.api_key is not None:
            hint = "api_key is sent as `authorization: Bearer …`: leave one of them out"
            raise document.error("given twice", ("endpoint", "headers", name), hint=hint)
