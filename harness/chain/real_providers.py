"""Where a chain's providers are called when they are not mocked, and with which key."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

from harness.chain.litellm_check import section
from harness.chain.litellm_config import Deployment, deployments
from harness.chain.litellm_router import MOCKS, litellm_names, resolved
from harness.chain.litellm_settings import LOGINS
from harness.chain.spec import Chain
from harness.chain.upstream import UpstreamAddress, parse
from harness.provider.dialects import dialect_of
from harness.provider.reply import Headers
from harness.provider.spec import Provider

_REFERENCE = "os.environ/"
_PARAMETER = re.compile(r"\{(\w+)\}")


class Obstacle(NamedTuple):
    """Why a provider cannot be asked.

    Attributes:
        problem: In a sentence.
        hint: What to do about it.
        breaks: Whether the chain cannot call it either.
    """

    problem: str
    hint: str
    breaks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RealProvider:
    """Where a provider is called, and with which key.

    Attributes:
        address: Its address; None if it is not known.
        key: Its key, a secret; None if there is none.
        key_name: The environment variable of the key, set or not; empty for a key in the file, and where there is none.
        login: What else its calls are permitted by, in words; empty if by the key alone.
        headers: Sent with each call, beside the key. May hold secrets.
        api_version: The version of its API that is requested; the dialect's own if None.
        obstacle: Why it cannot be asked; None if it can.
    """

    address: UpstreamAddress | None
    key: str | None = None
    key_name: str = ""
    login: str = ""
    headers: Headers = ()
    api_version: str | None = None
    obstacle: Obstacle | None = None

    @property
    def secrets(self) -> frozenset[str]:
        """What no message may hold."""
        return frozenset([*([self.key] if self.key else []), *(value for _, value in self.headers)])


def real_providers(chain: Chain, environ: Mapping[str, str]) -> dict[str, RealProvider]:
    """Return the providers that have an address of their own, by name: upstreams, and all deployments of a LiteLLM configuration.

    Args:
        chain: With its secrets.
        environ: Where references to the environment lead.
    """
    if chain.litellm is not None:
        config = chain.litellm
        theirs = {str(name): str(value) for name, value in section(config, "environment_variables").items()}
        known = ChainMap(theirs, cast("MutableMapping[str, str]", environ))
        store = str(section(config, "general_settings").get("key_management_system") or "local")
        return {
            entry.name: _of_deployment(entry, known, store)
            for entry in deployments(chain)
            if not any(entry.params.get(mock) for mock in MOCKS)
        }
    return {
        name: _of_upstream(parse(provider.upstream), provider, environ)
        for name, provider in chain.providers.items()
        if provider.upstream is not None
    }


def _of_upstream(address: UpstreamAddress, provider: Provider, environ: Mapping[str, str]) -> RealProvider:
    name = (provider.api_key or "").partition("/")[2]
    key = environ.get(name, "").strip() or None
    found = RealProvider(
        address=address,
        key=key,
        key_name=name,
        headers=_headers(provider.headers),
        api_version=provider.api_version,
    )
    return replace(found, obstacle=_unset(name)) if name and key is None else found


def _of_deployment(entry: Deployment, environ: Mapping[str, str], store: str) -> RealProvider:
    key, key_name = _key(entry, environ)
    params = {name: resolved(value, environ) for name, value in entry.params.items()}
    logins = [name for name in params if name in LOGINS]
    names = litellm_names(entry.provider)
    elsewhere = key is None and bool(names.defaults or logins)
    extra = params.get("extra_headers") or params.get("headers")
    found = RealProvider(
        address=None,
        key=key,
        key_name=key_name,
        login=f"a login by {', '.join(logins or names.defaults)}" if elsewhere else "",
        headers=_headers(extra or {}),
        api_version=None if params.get("api_version") is None else str(params["api_version"]),
    )
    address = _address(entry, params, environ)
    if isinstance(address, Obstacle):
        return replace(found, obstacle=address)
    found = replace(found, address=address)
    stated = str(entry.params.get("api_key") or "")
    if key is not None or elsewhere or not stated.startswith(_REFERENCE):
        return found
    if store != "local":
        hint = f"export {key_name}=… for this command"
        problem = f"{key_name} is not set, and the harness does not read LiteLLM's secret store ({store})"
        return replace(found, obstacle=Obstacle(problem, hint, breaks=False))
    return replace(found, obstacle=_unset(key_name))


def _headers(written: Mapping[str, Any]) -> Headers:
    return tuple((str(name).lower(), str(value)) for name, value in written.items())


def _unset(name: str) -> Obstacle:
    return Obstacle(f"the environment variable {name} is not set", f"export {name}=…", breaks=True)


def _key(entry: Deployment, environ: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the key of a deployment, None if there is none, and its environment variable."""
    stated = entry.params.get("api_key")
    if isinstance(stated, str) and stated:
        if not stated.startswith(_REFERENCE):
            return stated.strip(), ""
        name = stated.removeprefix(_REFERENCE)
        return environ.get(name, "").strip() or None, name
    variables = litellm_names(entry.provider).key_variables
    name = next((name for name in variables if environ.get(name)), variables[0] if variables else "")
    return environ.get(name, "").strip() or None, name


def _address(entry: Deployment, params: Mapping[str, Any], environ: Mapping[str, str]) -> UpstreamAddress | Obstacle:
    """Return where LiteLLM calls a deployment."""
    names, base = litellm_names(entry.provider), dialect_of(entry.provider).base_path
    for field in ("base_url", "api_base", *names.addresses):  # LiteLLM lets base_url win
        written = str(entry.params.get(field) or "")
        if written and params[field] is None:
            return _unset(written.removeprefix(_REFERENCE))
    stated = (params.get(field) for field in ("base_url", "api_base", *names.addresses))
    text = next(filter(None, [*stated, *_from_environment(names.provider, environ)]), None)
    if text is not None:
        written = str(text).rstrip("/")
        return _parsed(written if base else written.removesuffix(names.path))
    if names.home is None:
        hint = f"write `api_base` in the deployment, or export {names.provider.upper()}_API_BASE=…"
        return Obstacle(f"the harness knows no address of {names.provider}", hint, breaks=False)
    lacking = [name for name in _PARAMETER.findall(names.home) if not _parameter(name, params, environ)]
    if lacking:
        return Obstacle(
            f"its address needs {', '.join(lacking)}", f"write `{lacking[0]}` in the deployment", breaks=False
        )
    return _parsed(_PARAMETER.sub(lambda match: _parameter(match[1], params, environ), names.home) + base)


def _from_environment(provider: str, environ: Mapping[str, str]) -> Iterator[str | None]:
    """Yield the addresses that LiteLLM takes from the environment, as most of its providers have them."""
    for ending in ("API_BASE", "BASE_URL"):
        yield environ.get(f"{provider.upper()}_{ending}")


def _parameter(name: str, params: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    return str(params.get(name) or environ.get(name.upper()) or "")


def _parsed(text: str) -> UpstreamAddress | Obstacle:
    try:
        return parse(text)
    except ValueError as error:
        return Obstacle(str(error), "write an https address, or one on this machine", breaks=False)
