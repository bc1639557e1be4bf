"""What LiteLLM's Router or proxy is to be made of, for a chain file or for a LiteLLM configuration as it is.

Pure: nothing here imports LiteLLM. What cannot be carried over is an error where it would change what is tested, else a
warning.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from harness.chain.facts import FailureClass
from harness.chain.litellm_check import section
from harness.chain.litellm_config import Deployment, deployments
from harness.chain.litellm_reading import COMPATIBLE
from harness.chain.litellm_settings import GENERAL, LOGINS, ROUTER, SECTIONS, is_module
from harness.chain.policy import TEMPORARY, Retry
from harness.chain.spec import DUMMY_KEY, Chain, ChainError
from harness.document.places import Place, field_name
from harness.provider.dialects import DIALECTS, dialect_of
from harness.provider.dialects.declaration import LiteLLMNames
from harness.provider.spec import Provider

RETRIES_DEFAULT = 2  # LiteLLM's own num_retries
RETRY_POLICY: Mapping[FailureClass, tuple[str, ...]] = {
    "rate_limit": ("RateLimitErrorRetries",),
    "server_error": ("InternalServerErrorRetries", "ServiceUnavailableErrorRetries"),
    "timeout": ("TimeoutErrorRetries",),
    "connection": ("InternalServerErrorRetries",),
    "denied": ("AuthenticationErrorRetries", "NotFoundErrorRetries"),
    "invalid": ("BadRequestErrorRetries",),
    "content_policy": ("ContentPolicyViolationErrorRetries",),
    "context_window": ("BadRequestErrorRetries",),
}
"""By class of failure, the fields of LiteLLM's `RetryPolicy` that count for it."""
_SAME = {
    "connection": "a failed connection from a server error",
    "server_error": "a failed connection from a server error",
    "invalid": "a prompt that is too long from another invalid request",
    "context_window": "a prompt that is too long from another invalid request",
}
MOCKS = ("mock_response", "mock_tool_calls", "mock_timeout")
"""Parameters of a deployment, each of which makes LiteLLM answer by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """What the host hands to LiteLLM. May hold secrets.

    Attributes:
        model_list: The Router's deployments, each at its provider's address.
        router: The Router's other keyword arguments.
        module: Attributes of the `litellm` module; the proxy's `litellm_settings`.
        general: The proxy's `general_settings`; empty for the Router alone.
        addressable: The model that leads to a provider, by provider.
        names: The name of each deployment's provider, by place in `model_list`.
        providers: Each deployment's provider as it is mocked, likewise.
        warnings: What is not carried over, in sentences.
    """

    model_list: tuple[dict[str, Any], ...]
    router: dict[str, Any]
    module: dict[str, Any]
    general: dict[str, Any] = field(default_factory=dict)
    addressable: dict[str, str]
    names: tuple[str, ...]
    providers: tuple[Provider, ...]
    warnings: tuple[str, ...] = ()


def router_settings(
    chain: Chain, base_urls: Mapping[str, str], environ: Mapping[str, str], *, proxy: bool
) -> RouterSettings:
    """Return what `litellm.Router`, or LiteLLM's proxy, is to be made of.

    Args:
        chain: With its secrets.
        base_urls: Where each provider is called, by name, without the dialect's own path.
        environ: The environment that keys are looked up in.
        proxy: For LiteLLM's proxy, which has more settings than the Router alone.

    Raises:
        ChainError: The chain asks for something that would not be tested.
    """
    return _own(chain, base_urls) if chain.litellm is None else _theirs(chain, base_urls, environ, proxy=proxy)


def litellm_names(provider: Provider) -> LiteLLMNames:
    """Return how LiteLLM calls a provider whose dialect has been checked."""
    names = dialect_of(provider).litellm
    assert names is not None
    return names


def api_base(provider: Provider, base_url: str) -> str:
    """Return a provider's `api_base`; LiteLLM appends the rest of the path."""
    names = litellm_names(provider)
    return base_url.rstrip("/") + names.path + (names.model_path(provider.model) if names.model_path else "")


def _own(chain: Chain, base_urls: Mapping[str, str]) -> RouterSettings:
    for name, provider in chain.providers.items():
        if dialect_of(provider).litellm is None:
            raise ChainError(
                f"LiteLLM does not speak {provider.dialect}",
                ("providers", name, "dialect"),
                known=", ".join(known for known, dialect in DIALECTS.own.items() if dialect.litellm is not None),
            )
    names = chain.names
    model_list = tuple(
        {"model_name": name, "litellm_params": _params(chain.providers[name], base_urls.get(name, ""))}
        for name in names
    )
    warnings: list[str] = []
    router = _tables(chain) | _retries(chain, warnings)
    if chain.timeout is not None:
        router["timeout"] = chain.timeout / 10**9
    if chain.policy is not None and chain.policy.allowed_fails is not None:
        router["allowed_fails"] = chain.policy.allowed_fails
    if chain.policy is not None and chain.policy.cooldown is not None:
        router["cooldown_time"] = chain.policy.cooldown / 10**9
    return RouterSettings(
        model_list=model_list,
        router=router,
        module={},
        addressable={name: name for name in names},
        names=names,
        providers=tuple(chain.providers[name] for name in names),
        warnings=tuple(warnings),
    )


def _params(provider: Provider, base_url: str) -> dict[str, Any]:
    names = litellm_names(provider)
    address = api_base(provider, base_url)
    return {
        **names.defaults,
        "model": f"{names.provider}/{provider.model}",
        **dict.fromkeys(("api_base", *names.addresses), address),
        "api_key": DUMMY_KEY,
        **({} if provider.api_version is None else {"api_version": provider.api_version}),
        **({} if not provider.headers else {"extra_headers": dict(provider.headers)}),
    }


def _tables(chain: Chain) -> dict[str, Any]:
    """Return the tables of fallbacks."""
    first, *rest = chain.order
    after = {first: rest, **{name: list(others) for name, others in chain.chains.items()}}
    lanes = {} if chain.fallback is None else chain.fallback.lanes
    return {
        "fallbacks": [{name: others} for name, others in after.items() if others],
        **{f"{kind}_fallbacks": [{first: list(lane)}] for kind, lane in lanes.items()},
    }


def _retries(chain: Chain, warnings: list[str]) -> dict[str, Any]:
    """Return how often LiteLLM is to retry: all that fails the same number of times, or a number for each class."""
    retry, after = chain.retry or Retry(), {} if chain.policy is None else chain.policy.retries_after
    arguments = {} if retry.attempts is None else {"num_retries": retry.attempts - 1}
    kinds = set(TEMPORARY if retry.on is None else retry.on)
    if kinds == set(TEMPORARY) and not after:  # which is what LiteLLM does by itself
        return arguments
    place: Place = ("policy", "retries_after") if after else ("retry", "on")
    again = arguments.get("num_retries", RETRIES_DEFAULT)
    counts = {kind: after.get(kind, again if kind in kinds else 0) for kind in (*TEMPORARY, *kinds, *after)}
    if "quota" in counts:
        raise ChainError("LiteLLM cannot tell a used-up quota from a rate limit", place, known=", ".join(RETRY_POLICY))
    policy: dict[str, int] = {}
    for kind, names in RETRY_POLICY.items():
        if (count := counts.get(kind)) is None:
            continue
        for name in names:
            if policy.setdefault(name, count) != count:
                one, other = (word for word, same in RETRY_POLICY.items() if name in same and word in counts)
                hint = f"give {one} and {other} the same number of retries, or neither any"
                raise ChainError(f"LiteLLM cannot tell {_SAME[kind]}", place, hint=hint)
    if counts["server_error"] != again:
        policy["DefaultRetries"] = counts["server_error"]  # a 502 and the like have no class of their own in the policy
    if counts["timeout"] != counts["server_error"]:
        warnings.append(f"{field_name(place)}: LiteLLM takes 408 and 504 answers for timeouts, not for server errors")
    return {**arguments, "retry_policy": policy}


def _theirs(chain: Chain, base_urls: Mapping[str, str], environ: Mapping[str, str], *, proxy: bool) -> RouterSettings:
    config = chain.litellm or {}
    warnings: list[str] = list(chain.notes)
    theirs = {str(name): str(value) for name, value in section(config, "environment_variables").items()}
    known = ChainMap(theirs, cast("MutableMapping[str, str]", environ))  # no copy: it is asked for what is needed alone
    listed = deployments(chain)
    lacking = _Lacking()
    model_list = tuple(_rewired(entry, base_urls.get(entry.name, ""), known, lacking) for entry in listed)
    warnings += lacking.warnings()
    warnings += _mocked(listed)
    warnings += _left_out(chain)
    router = _applied(config, "router_settings", ROUTER.__contains__, known, warnings)
    module = _applied(config, "litellm_settings", partial(is_module, proxy=proxy), known, warnings)
    general: dict[str, Any] = {}
    if proxy:
        general = _applied(config, "general_settings", GENERAL.__contains__, known, warnings)
    elif "request_timeout" in module:
        module["request_timeout_explicitly_set"] = True  # as LiteLLM's proxy does
    for name in config:
        if name == "general_settings" and not proxy:
            warnings.append(f"{name}: not applied, it is for LiteLLM's proxy")
        elif name != "general_settings" and name not in SECTIONS:
            warnings.append(f"{name}: not applied")
    addressable = {entry.name: entry.group for entry in listed if "*" not in entry.group}
    if chain.model is not None:
        addressable.setdefault(chain.order[0], chain.model)
    return RouterSettings(
        model_list=model_list,
        router=router,
        module=module,
        general=general,
        addressable=addressable,
        names=tuple(entry.name for entry in listed),
        providers=tuple(entry.provider for entry in listed),
        warnings=tuple(warnings),
    )


def _left_out(chain: Chain) -> Iterator[str]:
    """Yield one warning for all deployments that are no part of the test, and one where LiteLLM could not be asked."""
    if chain.left_out:
        why = "; ".join(f"{len(names)} that {reason} ({_some(names)})" for reason, names in chain.left_out.items())
        yield f"left out: {why}"
    taken = [name for name, provider in chain.providers.items() if provider.dialect == COMPATIBLE]
    if chain.read_by is None and taken:
        yield f"LiteLLM could not be asked, so these are taken for providers that speak OpenAI's format: {_some(taken)}"


def _mocked(listed: Sequence[Deployment]) -> Iterator[str]:
    """Yield a warning for each parameter that makes LiteLLM answer by itself."""
    for parameter in MOCKS:
        names = [entry.name for entry in listed if entry.params.get(parameter)]
        if names:
            what = "this deployment never calls" if len(names) == 1 else "these deployments never call"
            yield f"{', '.join(names)}: {parameter} is set, so {what} a provider"


def _applied(
    config: Mapping[str, Any],
    name: str,
    carried: Callable[[str], bool],
    environ: Mapping[str, str],
    warnings: list[str],
) -> dict[str, Any]:
    applied, others = {}, []
    for key, value in section(config, name).items():
        if carried(key):
            applied[key] = resolved(value, environ)
        elif value not in (None, False, [], {}):
            others.append(key)
    if others:
        warnings.append(f"{name}: not applied: {', '.join(others)}")
    if isinstance(cooldown := applied.get("cooldown_time"), str):
        hint = f"write {cooldown.rstrip('s')}" if cooldown.rstrip("s").isdecimal() else "write a number of seconds"
        warnings.append(
            f"{name}.cooldown_time: {cooldown!r} is text, with which LiteLLM never rests a deployment; {hint}"
        )
    return applied


@dataclass(frozen=True, slots=True)
class _Lacking:
    """What deployments lack, collected so that each lack is one warning however many deployments have it.

    Attributes:
        keys: Variables of keys that are not set.
        unset: By the field and the variable that it refers to, the deployments whose variable is not set.
        logins: By the field that would make LiteLLM call a login service, the deployments that have it.
    """

    keys: dict[str, None] = field(default_factory=dict)
    unset: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    logins: dict[str, list[str]] = field(default_factory=dict)

    def warnings(self) -> list[str]:
        """Return them in sentences."""
        found = []
        if len(self.keys) == 1:
            found.append(f"{next(iter(self.keys))} is not set; mocks need no key")
        elif self.keys:
            found.append(f"{len(self.keys)} keys not set; mocks need none ({_some(self.keys)})")
        found += [f"{name} is not set: {key} is left out ({_some(who)})" for (key, name), who in self.unset.items()]
        if self.logins:
            who = dict.fromkeys(name for names in self.logins.values() for name in names)
            found.append(f"{', '.join(self.logins)} left out, using a dummy key ({_some(who)})")
        return found


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join([*listed[:3], *([f"and {len(listed) - 3} more"] if len(listed) > 3 else [])])


def _rewired(entry: Deployment, base_url: str, environ: Mapping[str, str], lacking: _Lacking) -> dict[str, Any]:
    """Return a deployment as it is written, but for its address, and its key where it has none."""
    params = {}
    for key, value in entry.params.items():
        if key in LOGINS:
            lacking.logins.setdefault(key, []).append(entry.name)
            continue
        found = resolved(value, environ)
        if found is None and value is not None and key not in ("api_key", "api_base", "base_url"):
            lacking.unset.setdefault((key, str(value).partition("/")[2]), []).append(entry.name)
        else:
            params[key] = found
    names = litellm_names(entry.provider)
    params |= {name: value for name, value in names.defaults.items() if params.get(name) in (None, "")}
    params |= dict.fromkeys(("api_base", *names.addresses), api_base(entry.provider, base_url))
    if "base_url" in params:  # LiteLLM lets it win over api_base
        params["base_url"] = params["api_base"]
    if params.get("api_key") is None:
        params["api_key"] = _key(entry, environ, lacking)
    return {**entry.raw, "litellm_params": params}


def _key(entry: Deployment, environ: Mapping[str, str], lacking: _Lacking) -> str:
    stated = entry.params.get("api_key")
    variables = litellm_names(entry.provider).key_variables
    if stated is None:
        for variable in variables:
            if environ.get(variable):
                return environ[variable]
    if isinstance(stated, str) and "/" in stated:
        lacking.keys[stated.split("/", 1)[1]] = None
    elif variables:
        lacking.keys[variables[0]] = None
    return DUMMY_KEY


def resolved(value: Any, environ: Mapping[str, str]) -> Any:
    """Return a setting with `os.environ/NAME` looked up, as LiteLLM's proxy does; None where it is not set."""
    if isinstance(value, dict):
        return {key: resolved(item, environ) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(item, environ) for item in value]
    if isinstance(value, str) and value.startswith("os.environ/"):
        return environ.get(value.removeprefix("os.environ/"))
    return value
