"""Make LiteLLM's Router from settings. The one module that imports LiteLLM, and only when called: it takes seconds."""

from __future__ import annotations

import inspect
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from harness.chain.litellm_router import RouterSettings, litellm_names
from harness.chain.scrub import scrub
from harness.errors import UsageError
from harness.patches import ABSENT, patched
from harness.provider.dialects.declaration import LiteLLMNames

_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "httpx", "openai")
_CLIENTS = ("module_level_aclient", "module_level_client")
"""Clients that LiteLLM makes once for a process, and sends some streams through: a chain has its own, or its calls would
go where those of an earlier chain went."""


def silence() -> None:
    """Set the environment before LiteLLM is imported: no call out, no debug log, no detour through a proxy, no `.env`."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOG"] = "CRITICAL"
    os.environ["LITELLM_MODE"] = (
        "PRODUCTION"  # else it reads a `.env`: databases, proxies and keys that the chain does not name
    )
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    for name in ("OPENAI_LOG", "DETAILED_DEBUG"):
        os.environ.pop(name, None)


@contextmanager
def routed(settings: RouterSettings, hidden: frozenset[str]) -> Iterator[Any]:
    """Make a `litellm.Router`; on leaving, undo its changes to the `litellm` module.

    Args:
        settings: What it is made of; from `settle`.
        hidden: Texts that no error may hold.

    Raises:
        UsageError: LiteLLM refuses the chain.
    """
    litellm = _quiet_litellm()
    wanted = {name: _own_client(litellm, name) for name in _CLIENTS} | dict(settings.module)
    with patched((litellm, name, value) for name, value in wanted.items()):
        try:
            router = _make(litellm, settings, hidden)
            try:
                yield router
            finally:
                _call(router, "discard")
        finally:
            _call(getattr(litellm, "in_memory_llm_clients_cache", None), "flush_cache")  # it holds this run's clients


async def close_clients() -> None:
    """Close the clients that LiteLLM keeps in its cache: one left open warns when it is collected, in somebody's tests."""
    import litellm  # noqa: PLC0415 - takes seconds

    cache = getattr(litellm, "in_memory_llm_clients_cache", None)
    for client in list(getattr(cache, "cache_dict", {}).values()):
        close = getattr(client, "aclose", None) or getattr(client, "close", None)
        if inspect.iscoroutinefunction(close):
            with suppress(Exception):  # of many kinds of clients
                await close()


def _own_client(litellm: Any, name: str) -> Any:
    """Return a chain's own client. LiteLLM from 1.85 on makes one when it is asked for; before, it had made it when imported."""
    made = vars(litellm).get(name)
    return ABSENT if made is None else type(made)(timeout=litellm.request_timeout)


def _call(owner: Any, name: str) -> None:
    """Call a method that not every LiteLLM has."""
    method = getattr(owner, name, None)
    if method is not None:
        method()


def _quiet_litellm() -> Any:
    """Return the module; it writes no log, and no advice to standard output, where a part's messages go."""
    import litellm  # noqa: PLC0415 - takes seconds

    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.disable_hf_tokenizer_download = True  # which it makes to count the tokens of some models
    return litellm


def _make(litellm: Any, settings: RouterSettings, hidden: frozenset[str]) -> Any:
    try:
        return litellm.Router(model_list=[dict(entry) for entry in settings.model_list], **settings.router)
    except Exception as error:  # of many kinds; the user gets its first line
        text = scrub(str(error), hidden).split("\n", 1)[0][:300]
        problem = f"LiteLLM does not take this chain: {type(error).__name__}: {text}"
        raise UsageError(problem, where="chain") from None


def _listed(names: LiteLLMNames) -> dict[str, Any]:
    """Return an entry of LiteLLM's list that holds what LiteLLM takes for granted if a server does not answer."""
    return {
        "litellm_provider": names.provider,
        "mode": "chat",
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0,
    }


def settle(settings: RouterSettings) -> RouterSettings:
    """Return the settings with every model at the provider whose wire format its mock speaks.

    LiteLLM finds a bare name in its list of models. That list forgets old ones, which an older LiteLLM or a newer list
    may still hold: if the name shows whose model it is, the provider is filled in, with a warning. About a model of Ollama's
    that is not in the list it asks a server, often another one than the deployment's, so such a model is added.

    Raises:
        UsageError: LiteLLM would speak another wire format than the mocked provider.
    """
    litellm = _quiet_litellm()
    model_list, warnings = [], list(settings.warnings)
    for entry, provider in zip(settings.model_list, settings.providers, strict=True):
        params = entry["litellm_params"]
        spoken = _spoken(litellm, params)
        names = litellm_names(provider)
        if spoken is None and names.families is not None and re.match(names.families, params["model"]):
            warnings.append(
                f"{params['model']}: this LiteLLM does not list it, it is taken for a model of {provider.dialect}"
            )
            params = {**params, "custom_llm_provider": names.provider}
        elif spoken not in names.providers:
            problem = f"LiteLLM takes {params['model']!r} for a model of {spoken or 'nobody'}, not of {names.provider}"
            hint = f"write {names.provider}/{params['model']}"
            raise UsageError(problem, where=f"model {entry['model_name']!r}", hint=hint)
        if names.asks_about_models:
            model = f"{names.provider}/{names.model(params['model'].removeprefix(f'{names.provider}/'))}"
            litellm.model_cost.setdefault(model, _listed(names))
        model_list.append({**entry, "litellm_params": params})
    return replace(settings, model_list=tuple(model_list), warnings=tuple(warnings))


def _spoken(litellm: Any, params: Mapping[str, Any]) -> str | None:
    """Return the provider that LiteLLM would call for a deployment, by LiteLLM's name for it; None if it finds none."""
    try:
        _model, spoken, _key, _base = litellm.get_llm_provider(
            model=params["model"], custom_llm_provider=params.get("custom_llm_provider"), api_base=params["api_base"]
        )
    except Exception:  # of many kinds
        return None
    return str(spoken)
