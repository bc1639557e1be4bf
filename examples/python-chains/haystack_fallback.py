"""Haystack's `FallbackChatGenerator`: OpenAI, then Anthropic."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from haystack.components.generators.chat import FallbackChatGenerator, OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack_integrations.components.generators.anthropic import AnthropicChatGenerator

GENERATOR = FallbackChatGenerator(
    [
        OpenAIChatGenerator(model="gpt-4o", api_base_url=os.environ["OPENAI_BASE_URL"], timeout=10, max_retries=1),
        AnthropicChatGenerator(model="claude-3-5-sonnet-20241022", timeout=10, max_retries=1),
    ]
)


async def answer(messages: list[dict[str, Any]], *, model: str, stream: bool) -> str | AsyncIterator[str]:
    """Answer a request."""
    asked = [ChatMessage.from_openai_dict_format(message) for message in messages]
    return _stream(asked) if stream else str((await GENERATOR.run_async(asked))["replies"][0].text)


async def _stream(asked: list[ChatMessage]) -> AsyncIterator[str]:
    """Yield what the generator hands to its callback."""
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    async def take(chunk: StreamingChunk) -> None:
        pieces.put_nowait(chunk.content)

    async def work() -> None:
        try:
            await GENERATOR.run_async(asked, streaming_callback=take)
        finally:
            pieces.put_nowait(None)

    task = asyncio.create_task(work())
    try:
        while (piece := await pieces.get()) is not None:
            if piece:
                yield piece
        await task
    finally:
        task.cancel()
