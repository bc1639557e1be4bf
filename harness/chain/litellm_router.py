"""What `litellm.Router` is to be made of, for a chain file or for a LiteLLM configuration as it is.

Pure: nothing here imports LiteLLM. What cannot be carried over is an error where it would change what is tested, else a
warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.chain.litellm_check import aliases, section
from harness.chain.litellm_config import Deployment, deployments, fallback_sources
from harness.chain.spec import Chain, Dialect, Provider, Retry
from harness.document import did_you_mean
from harness.errors import UsageError

DUMMY_KEY = "sk-no-key"
RETRIES_DEFAULT = 2  # LiteLLM's own num_retries

_PREFIX: dict[Dialect, str] = {"openai": "openai/", "azure": "azure/", "anthropic": "anthropic/"}
_KEY_VARIABLES: dict[Dialect, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "azure": ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
    "anthropic": ("ANTHROPIC_API_KEY",),
}
# Each of these makes LiteLLM call a login service before the provider.
_LOGINS = frozenset(
    [
        "tenant_id",
        "client_id",
        "client_secret",
        "azure_ad_token",
        "azure_username",
        "azure_password",
        "azure_scope",
        "litellm_credential_name",
    ]
)
_ROUTER_SETTINGS = frozenset(
    [
        "num_retries",
        "max_fallbacks",
        "timeout",
        "stream_timeout",
        "default_litellm_params",
        "default_priority",
        "default_max_parallel_requests",
        "default_fallbacks",
        "fallbacks",
        "context_window_fallbacks",
        "content_policy_fallbacks",
        "model_group_alias",
        "enable_pre_call_checks",
        "enable_tag_filtering",
        "tag_filtering_match_any",
        "retry_after",
        "retry_policy",
        "model_group_retry_policy",
        "allowed_fails",
        "allowed_fails_policy",
        "cooldown_time",
        "disable_cooldowns",
        "routing_strategy",
        "routing_strategy_args",
        "routing_groups",
        "enable_weighted_failover",
        "optional_pre_call_checks",
        "polling_interval",
        "client_ttl",
        "deployment_affinity_ttl_seconds",
        "model_group_affinity_config",
    ]
)
_MODULE_SETTINGS = frozenset(
    [
        "num_retries",
        "max_fallbacks",
        "fallbacks",
        "default_fallbacks",
        "context_window_fallbacks",
        "content_policy_fallbacks",
        "request_timeout",
        "allowed_fails",
        "drop_params",
        "modify_params",
        "num_retries_per_request",
        "add_function_to_prompt",
        "disable_aiohttp_transport",
    ]
)
_OTHER_SECTIONS = frozenset(("model_list", "router_settings", "litellm_settings", "environment_variables"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """What the host hands to LiteLLM. May hold secrets.

    Attributes:
        model_list: The Router's deployments, each at its provider's address.
        router: The Router's other keyword arguments.
        module: Attributes of the `litellm` module.
        addressable: The model to ask for to reach a provider, by provider.
        dialects: Each deployment's dialect, by place in `model_list`.
        warnings: What is not carried over, in sentences.
    """

    model_list: tuple[dict[str, Any], ...]
    router: dict[str, Any]
    module: dict[str, Any]
    addressable: dict[str, str]
    dialects: tuple[Dialect, ...]
    warnings: tuple[str, ...] = ()


def router_settings(chain: Chain, base_urls: Mapping[str, str], environ: Mapping[str, str]) -> RouterSettings:
    """Return what `litellm.Router` is to be made of.

    Args:
        chain: With its secrets.
        base_urls: Where each provider is called, by name, without the dialect's own path.
        environ: The environment that keys are looked up in.

    Raises:
        UsageError: The chain asks for something that would not be tested.
    """
    return _own(chain, base_urls) if chain.litellm is None else _theirs(chain, base_urls, environ)


def api_base(dialect: Dialect, base_url: str) -> str:
    """Return a provider's address as LiteLLM takes it: it appends the rest of the path itself."""
    return f"{base_url.rstrip('/')}/v1" if dialect == "openai" else base_url.rstrip("/")


def _own(chain: Chain, base_urls: Mapping[str, str]) -> RouterSettings:
    names = [*chain.order, *(name for name in chain.providers if name not in chain.order)]
    model_list = tuple(
        {"model_name": name, "litellm_params": _params(chain.providers[name], base_urls.get(name, ""))}
        for name in names
    )
    first, *rest = chain.order
    router: dict[str, Any] = {"fallbacks": [{first: rest}] if rest else []}
    warnings: list[str] = []
    if chain.retry is not None:
        router |= _retries(chain.retry, warnings)
    if chain.timeout is not None:
        router["timeout"] = chain.timeout / 10**9
    return RouterSettings(
        model_list=model_list,
        router=router,
        module={},
        addressable={name: name for name in names},
        dialects=tuple(chain.providers[name].dialect for name in names),
        warnings=tuple(warnings),
    )


def _params(provider: Provider, base_url: str) -> dict[str, Any]:
    return {
        "model": _PREFIX[provider.dialect] + provider.model,
        "api_base": api_base(provider.dialect, base_url),
        "api_key": DUMMY_KEY,
    }


def _retries(retry: Retry, warnings: list[str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if retry.attempts is not None:
        arguments["num_retries"] = retry.attempts - 1
    kinds = None if retry.on is None else set(retry.on)
    if kinds is None or len(kinds) == 4:  # all four is what LiteLLM does by itself
        return arguments
    if ("server_error" in kinds) != ("connection" in kinds):
        raise UsageError(
            "LiteLLM cannot tell a failed connection from a server error",
            where="retry.on",
            known="rate_limit, server_error, timeout, connection",
            hint="list both of server_error and connection, or neither",
        )
    again = arguments.get("num_retries", RETRIES_DEFAULT)

    def granted(kind: str) -> int:
        return again if kind in kinds else 0

    policy = {
        "RateLimitErrorRetries": granted("rate_limit"),
        "TimeoutErrorRetries": granted("timeout"),
        "InternalServerErrorRetries": granted("server_error"),
        "ServiceUnavailableErrorRetries": granted("server_error"),
    }
    if "server_error" not in kinds:
        policy["DefaultRetries"] = 0  # a 502 and the like have no class of their own in the policy
    if "timeout" not in kinds or "server_error" not in kinds:
        warnings.append("retry.on: LiteLLM takes 408 and 504 answers for timeouts, not for server errors")
    return {**arguments, "retry_policy": policy}


def _theirs(chain: Chain, base_urls: Mapping[str, str], environ: Mapping[str, str]) -> RouterSettings:
    config = chain.litellm or {}
    warnings: list[str] = []
    known = {**environ, **{str(k): str(v) for k, v in section(config, "environment_variables").items()}}
    listed = deployments(config)
    model_list = tuple(_rewired(entry, base_urls.get(entry.name, ""), known, warnings) for entry in listed)
    left_out = len(config["model_list"]) - len(listed)
    if left_out:
        warnings.append(f"{left_out} deployments that take no chat completions are left out")
    router = _applied(config, "router_settings", _ROUTER_SETTINGS, known, warnings)
    module = _applied(config, "litellm_settings", _MODULE_SETTINGS, known, warnings)
    if "request_timeout" in module:
        module["request_timeout_explicitly_set"] = True  # as LiteLLM's proxy does
    warnings += [f"{name}: not applied, it is for LiteLLM's proxy" for name in config if name not in _OTHER_SECTIONS]
    groups = {entry.group for entry in listed} | set(aliases(config))
    for source in fallback_sources(config):
        if source != "*" and source not in groups and not any("*" in group for group in groups):
            hint = did_you_mean(source, groups)
            warnings.append(f"fallbacks: no model is called {source!r}" + (f" ({hint})" if hint else ""))
    addressable = {entry.name: entry.group for entry in listed if "*" not in entry.group}
    if chain.model is not None:
        addressable.setdefault(chain.order[0], chain.model)
    return RouterSettings(
        model_list=model_list,
        router=router,
        module=module,
        addressable=addressable,
        dialects=tuple(entry.dialect for entry in listed),
        warnings=tuple(warnings),
    )


def _applied(
    config: Mapping[str, Any], name: str, carried: frozenset[str], environ: Mapping[str, str], warnings: list[str]
) -> dict[str, Any]:
    applied = {}
    for key, value in section(config, name).items():
        if key in carried:
            applied[key] = _resolved(value, environ)
        elif value not in (None, False, [], {}):
            warnings.append(f"{name}.{key}: not applied")
    return applied


def _rewired(entry: Deployment, base_url: str, environ: Mapping[str, str], warnings: list[str]) -> dict[str, Any]:
    """Return a deployment as it is written, but for its address, and its key where it has none."""
    params = {}
    for key, value in entry.params.items():
        if key in _LOGINS:
            warnings.append(f"{entry.name}: {key} is left out, a dummy key stands in its place")
            continue
        resolved = _resolved(value, environ)
        if resolved is None and value is not None and key != "api_key":
            warnings.append(f"{entry.name}: {key} is left out, its environment variable is not set")
        else:
            params[key] = resolved
    params["api_base"] = api_base(entry.dialect, base_url)
    if "base_url" in params:  # LiteLLM lets it win over api_base
        params["base_url"] = params["api_base"]
    if params.get("api_key") is None:
        params["api_key"] = _key(entry, environ, warnings)
    return {**entry.raw, "litellm_params": params}


def _key(entry: Deployment, environ: Mapping[str, str], warnings: list[str]) -> str:
    stated = entry.params.get("api_key")
    if stated is None:
        for variable in _KEY_VARIABLES[entry.dialect]:
            if environ.get(variable):
                return environ[variable]
    missing = stated.split("/", 1)[1] if isinstance(stated, str) and "/" in stated else _KEY_VARIABLES[entry.dialect][0]
    warnings.append(f"{entry.name}: {missing} is not set, a dummy key stands in its place")
    return DUMMY_KEY


def _resolved(value: Any, environ: Mapping[str, str]) -> Any:
    """Return a setting with `os.environ/NAME` looked up, as LiteLLM's proxy does; None where it is not set."""
    if isinstance(value, dict):
        return {key: _resolved(item, environ) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_resolved(item, environ) for item in value]
    if isinstance(value, str) and value.startswith("os.environ/"):
        return environ.get(value.removeprefix("os.environ/"))
    return value
