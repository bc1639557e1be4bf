"""`litellm.acompletion` with `fallbacks`, without a Router."""

from __future__ import annotations

import os
from typing import Any

import litellm

litellm.suppress_debug_info = True
litellm.disable_hf_tokenizer_download = True  # else LiteLLM downloads a tokenizer to count Claude's tokens


async def answer(messages: list[dict[str, Any]], *, model: str, stream: bool) -> Any:
    """Answer a request: LiteLLM returns an OpenAI-shaped object, or an iterator of chunks."""
    return await litellm.acompletion(
        model=f"openai/{model}",
        messages=messages,
        stream=stream,
        timeout=10,
        max_retries=1,
        api_base=os.environ["OPENAI_BASE_URL"],
        fallbacks=[{"model": "anthropic/claude-3-5-sonnet-20241022", "api_base": os.environ["ANTHROPIC_BASE_URL"]}],
    )
