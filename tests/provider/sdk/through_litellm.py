"""LiteLLM, asked as its Router asks it, for the providers that most of its users reach through it."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from harness.chain import Provider
from harness.provider.dialects import dialect_of

from . import vertex
from .cases import CASES, WARM_UP, Case
from .clients import KEY, Ask, said
from .heard import Heard

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import goes to the network

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # other people's deprecations
    import litellm
    from litellm import exceptions

__all__ = [
    "COHERE",
    "HEADERLESS",
    "LITELLM",
    "LITELLM_VENDORS",
    "exceptions",
    "litellm",
    "through_litellm",
    "through_litellms",
]

litellm.suppress_debug_info = True


def through_litellm(prefix: str, host: str, **params: Any) -> Ask:
    """Return one chat completion by LiteLLM.

    Args:
        prefix: What LiteLLM puts before a model: `bedrock/converse/`. With `model_id` among the parameters it is a whole
            model, and the case's name goes there.
        host: The provider's `api_base`. With `{model}` in it, `prefix` is a whole model, and the case's name goes there.
        params: Further parameters of the deployment.
    """

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        whole = "model_id" in params or "{model}" in host
        call: dict[str, Any] = {
            "model": prefix if whole else prefix + case.name,
            "messages": said(prompt),
            "api_base": host.replace("{model}", case.name),
            "timeout": case.timeout_s,
            "num_retries": 0,
            "max_retries": 0,
            **params,
        }
        if "model_id" in params:
            call["model_id"] = case.name
        if case.max_tokens is not None:
            call["max_tokens"] = case.max_tokens
        if not case.streaming:
            answer: Any = await litellm.acompletion(**call)
            _read_completion(heard, answer)
            return
        stream: Any = await litellm.acompletion(**call, stream=True, stream_options={"include_usage": True})
        async for chunk in stream:
            heard.model = chunk.model or heard.model
            for choice in chunk.choices:
                heard.add(choice.delta.content)
                heard.finish = choice.finish_reason or heard.finish
            usage = getattr(chunk, "usage", None)
            if usage is not None:
                heard.usage = (usage.prompt_tokens, usage.completion_tokens)

    return ask


def _read_completion(heard: Heard, answer: Any) -> None:
    heard.model = answer.model
    heard.text = answer.choices[0].message.content or ""
    heard.finish = answer.choices[0].finish_reason
    heard.usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)


LITELLM_VENDORS: dict[str, str | None] = {
    "litellm-groq": "groq",
    "litellm-mistral": "mistral",
    "litellm-xai": "xai",
    "litellm-cloudflare": "cloudflare",
    "litellm-plain": None,
}
"""Whose API each way through LiteLLM asks that speaks `openai-compatible`, by its name; None for a vendor without a row."""

LITELLM = {
    "litellm-bedrock": "bedrock",
    "litellm-bedrock-invoke": "bedrock",
    **dict.fromkeys(LITELLM_VENDORS, "openai-compatible"),
    "litellm-cohere": "cohere",
    "litellm-cohere-chat": "cohere",
    "litellm-vertex_ai": "vertex_ai",
    "litellm-vertex_ai-claude": "vertex_ai",
    "litellm-ollama": "ollama",
    "litellm-ollama_chat": "ollama_chat",
}
"""What each way through LiteLLM speaks, by its name."""

COHERE = ("litellm-cohere", "litellm-cohere-chat")
"""LiteLLM reads lines of JSON, which have no sign that nothing follows."""

HEADERLESS = (*COHERE, "litellm-vertex_ai", "litellm-vertex_ai-claude", "litellm-cloudflare")
"""LiteLLM leaves out the headers of these providers' errors."""

_AWS = {"aws_access_key_id": "no-key", "aws_secret_access_key": "no-key", "aws_region_name": "us-east-1"}


def _of_vendor(vendor: str | None, host: str) -> Ask:
    """Return what asks a vendor as its row declares it."""
    names = dialect_of(Provider(dialect="openai-compatible", vendor=vendor, model="any")).litellm
    assert names is not None
    return through_litellm(f"{names.provider}/", host + names.path, api_key=KEY)


def _of_ollama(prefix: str, host: str) -> Ask:
    """Return what asks Ollama. About a model that is not in its list LiteLLM asks the server first, and blocks meanwhile."""
    for case in (*CASES, *WARM_UP):
        litellm.model_cost.setdefault(f"{prefix}/{case.name}", {"litellm_provider": prefix, "mode": "chat"})
    return through_litellm(f"{prefix}/", host)


@asynccontextmanager
async def through_litellms(hosts: dict[str, str]) -> AsyncIterator[dict[str, Ask]]:
    """Open them; see `clients`."""
    at_vertex = "{}/v1/projects/p/locations/global/publishers/{}/models/{{model}}"
    claude = "bedrock/invoke/anthropic.claude-3-haiku-20240307-v1:0"
    login = vertex.litellm_params()
    try:
        with vertex.logged_in():
            yield {
                **{name: _of_vendor(vendor, hosts[name]) for name, vendor in LITELLM_VENDORS.items()},
                "litellm-bedrock": through_litellm("bedrock/converse/", hosts["litellm-bedrock"], **_AWS),
                "litellm-cohere": through_litellm("cohere/", f"{hosts['litellm-cohere']}/v2/chat", api_key=KEY),
                "litellm-cohere-chat": through_litellm(
                    "cohere_chat/", f"{hosts['litellm-cohere-chat']}/v2/chat", api_key=KEY
                ),
                "litellm-vertex_ai": through_litellm(
                    "vertex_ai/gemini-2.5-pro", at_vertex.format(hosts["litellm-vertex_ai"], "google"), **login
                ),
                "litellm-vertex_ai-claude": through_litellm(
                    "vertex_ai/claude-sonnet-4@20250514",
                    at_vertex.format(hosts["litellm-vertex_ai-claude"], "anthropic"),
                    **login,
                ),
                "litellm-bedrock-invoke": through_litellm(claude, hosts["litellm-bedrock-invoke"], model_id="", **_AWS),
                "litellm-ollama": _of_ollama("ollama", hosts["litellm-ollama"]),
                "litellm-ollama_chat": _of_ollama("ollama_chat", hosts["litellm-ollama_chat"]),
            }
    finally:
        await litellm.close_litellm_async_clients()
        litellm.in_memory_llm_clients_cache.flush_cache()
