"""pydantic-ai's `FallbackModel`: OpenAI, then Anthropic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel

AGENT = Agent(FallbackModel(OpenAIChatModel("gpt-4o"), AnthropicModel("claude-3-5-sonnet-20241022")))


async def answer(messages: list[dict[str, Any]], *, model: str, stream: bool) -> str | AsyncIterator[str]:
    """Answer the last message of a request."""
    prompt = str(messages[-1]["content"])
    return _stream(prompt) if stream else str((await AGENT.run(prompt)).output)


async def _stream(prompt: str) -> AsyncIterator[str]:
    async with AGENT.run_stream(prompt) as result:
        async for text in result.stream_text(delta=True):
            yield text
