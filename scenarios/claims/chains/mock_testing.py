"""LiteLLM's Router with one fallback, asked as its documentation tells people to test their fallbacks."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import litellm

litellm.suppress_debug_info = True


@cache
def router() -> litellm.Router:
    """Return the Router, with the settings of one-fallback.yaml."""
    azure = {"api_base": os.environ["AZURE_BASE_URL"], "api_version": "2024-10-21"}
    return litellm.Router(
        model_list=[
            {
                "model_name": "gpt-4",
                "litellm_params": {
                    "model": "openai/gpt-4",
                    "api_base": os.environ["OPENAI_BASE_URL"],
                    "api_key": "sk-mock",
                },
            },
            {"model_name": "gpt-4-azure", "litellm_params": {"model": "azure/gpt-4", "api_key": "mock", **azure}},
        ],
        num_retries=2,
        timeout=30,
        fallbacks=[{"gpt-4": ["gpt-4-azure"]}],
    )


async def answer(messages: list[dict[str, Any]], *, model: str, stream: bool) -> Any:
    """Answer a request."""
    return await router().acompletion(model=model, messages=messages, stream=stream, mock_testing_fallbacks=True)
