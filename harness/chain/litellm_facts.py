"""The facts about a chain on LiteLLM, derived from the settings that LiteLLM gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from harness.chain.facts import ChainFacts, FailureClass, Tries
from harness.chain.litellm_reading import COMPATIBLE
from harness.chain.litellm_router import MOCKS, RETRIES_DEFAULT, RETRY_POLICY, RouterSettings, router_settings
from harness.chain.spec import Chain
from harness.chain.waits import LITELLM, WaitRule
from harness.provider.spec import Provider

COOLDOWN_S = 5  # LiteLLM's own

_BY_SDK = ("openai", COMPATIBLE)
"""Dialects whose embeddings LiteLLM may ask by OpenAI's SDK."""
_SDK_RETRIES = 2
_LIMITS = ("rpm", "tpm", "max_parallel_requests", "max_budget", "budget_duration")
_LIMITS_OF_ALL = (
    "enable_pre_call_checks",
    "optional_pre_call_checks",
    "enable_tag_filtering",
    "default_max_parallel_requests",
    "max_parallel_requests",
    "global_max_parallel_requests",
    "max_in_flight_requests_per_worker",
)


def facts(chain: Chain, *, proxy: bool) -> ChainFacts:
    """Return the facts about a chain on LiteLLM's Router, or on its proxy."""
    settings = router_settings(chain, {}, {}, proxy=proxy)
    deployments = dict(zip(settings.names, settings.model_list, strict=True))
    mocked = dict(zip(settings.names, settings.providers, strict=True))
    checked = any({**settings.router, **settings.general}.get(key) for key in _LIMITS_OF_ALL)
    tables = [settings.router.get(f"{kind}_fallbacks") for kind in ("content_policy", "context_window")]
    special = {group for table in tables if isinstance(table, list) for entry in table for group in _groups(entry)}
    return ChainFacts(
        sees_attempts=True,
        double_sends=True,
        tries={name: _tries(settings, entry, mocked[name]) for name, entry in deployments.items()},
        cooldown_ns=cooldowns_ns(settings),
        limited=tuple(name for name, entry in deployments.items() if checked or _stated(entry, *_LIMITS)),
        never_called=tuple(name for name, entry in deployments.items() if _stated(entry, *MOCKS)),
        lanes=tuple(name for name, entry in deployments.items() if entry["model_name"] in special),
    )


def waits(chain: Chain, *, proxy: bool) -> dict[str, WaitRule]:
    """Return by which rule LiteLLM waits before it tries each provider again, without those of which that is not known.

    In a group of several deployments it does not wait while one of them is healthy; a `retry_after` of the Router's changes the
    first waits; and embeddings are tried again by OpenAI's SDK beneath it.
    """
    settings = router_settings(chain, {}, {}, proxy=proxy)
    groups = Counter(entry["model_name"] for entry in settings.model_list)
    if settings.router.get("retry_after"):
        return {}
    return {
        name: LITELLM
        for name, entry, provider in zip(settings.names, settings.model_list, settings.providers, strict=True)
        if groups[entry["model_name"]] == 1 and _hidden(provider, entry) == 1
    }


def cooldowns_ns(settings: RouterSettings) -> dict[str, int]:
    """Return how long each provider is left alone once it cools down, in nanoseconds."""
    return {
        name: _cooldown_ns(settings, entry) for name, entry in zip(settings.names, settings.model_list, strict=True)
    }


def timeouts_ns(settings: RouterSettings, default_s: float) -> dict[str, int]:
    """Return how long an attempt may take that is no stream, by provider, in nanoseconds.

    Args:
        settings: What LiteLLM gets.
        default_s: LiteLLM's own, in seconds.
    """
    common = (settings.router.get("timeout"), settings.module.get("request_timeout"), default_s)
    return {
        name: round(next(each for each in (_own_timeout(entry), *common) if isinstance(each, int | float)) * 10**9)
        for name, entry in zip(settings.names, settings.model_list, strict=True)
    }


def _own_timeout(entry: Mapping[str, Any]) -> Any:
    params = entry["litellm_params"]
    return params.get("timeout") or params.get("request_timeout")


def _hidden(provider: Provider, entry: Mapping[str, Any]) -> int:
    """Return how many tries are one to LiteLLM: it lets OpenAI's SDK try embeddings again, twice if `max_retries` is 0, too.

    That is `max_retries or litellm.DEFAULT_MAX_RETRIES` in `litellm.llms.openai.openai`; Azure's SDK gets the number as it is.
    """
    if not provider.embeds or provider.dialect not in _BY_SDK:
        return 1
    stated = entry["litellm_params"].get("max_retries")
    return 1 + (stated if type(stated) is int and stated > 0 else _SDK_RETRIES)


def _tries(settings: RouterSettings, entry: Mapping[str, Any], provider: Provider) -> Tries:
    """Return the tries at one deployment. Those of a group may all go to the same one."""
    hidden = _hidden(provider, entry)
    stated = (
        entry["litellm_params"].get("num_retries"),
        settings.router.get("num_retries"),
        settings.module.get("num_retries"),
    )
    again = next((count for count in stated if type(count) is int), RETRIES_DEFAULT)
    groups = _mapping(settings.router.get("model_group_retry_policy"))
    policy = _mapping(groups.get(entry["model_name"], settings.router.get("retry_policy")))
    after: dict[FailureClass, int] = {}
    for failure, names in RETRY_POLICY.items():
        found = [policy[name] for name in names if type(policy.get(name)) is int]
        found = found or [policy[name] for name in ("DefaultRetries",) if type(policy.get(name)) is int]
        if found:
            after[failure] = (max(found) + 1) * hidden
    return Tries(most=(again + 1) * hidden, after=after)


def _cooldown_ns(settings: RouterSettings, entry: Mapping[str, Any]) -> int:
    if settings.router.get("disable_cooldowns"):
        return 0
    stated = (
        _mapping(entry.get("model_info")).get("cooldown_time"),
        entry["litellm_params"].get("cooldown_time"),
        settings.router.get("cooldown_time") or None,
    )
    if isinstance(stated[-1], str):  # with which LiteLLM rests nobody
        return 0
    seconds = next((each for each in stated if isinstance(each, int | float)), COOLDOWN_S)
    return round(seconds * 10**9)


def _groups(entry: Any) -> list[str]:
    """Return the model groups that an entry of a table of fallbacks leads to."""
    lists = [names for names in _mapping(entry).values() if isinstance(names, list)]
    return [name for names in lists for name in names if isinstance(name, str)]


def _stated(entry: Mapping[str, Any], *names: str) -> bool:
    return any(entry["litellm_params"].get(name) for name in names)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
