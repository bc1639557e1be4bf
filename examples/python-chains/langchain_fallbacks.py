"""LangChain's `with_fallbacks`: ChatOpenAI, then ChatAnthropic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

MODEL = ChatOpenAI(model="gpt-4o", timeout=10, max_retries=1).with_fallbacks(
    [ChatAnthropic(model="claude-3-5-sonnet-20241022", timeout=10, max_retries=1)]
)


async def answer(messages: list[dict[str, Any]], *, model: str, stream: bool) -> str | AsyncIterator[str]:
    """Answer a request."""
    return _stream(messages) if stream else str((await MODEL.ainvoke(messages)).text)


async def _stream(messages: list[dict[str, Any]]) -> AsyncIterator[str]:
    async for chunk in MODEL.astream(messages):
        if text := str(chunk.text):
            yield text
