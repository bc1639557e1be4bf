"""OpenAI's SDK in a loop: the next provider is asked when one raises an `APIError` before its first piece of text."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

from openai import APIError, AsyncOpenAI

PROVIDERS = (
    (AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"], timeout=10, max_retries=1), "gpt-4o"),
    (
        AsyncOpenAI(
            base_url=os.environ["OPENROUTER_BASE_URL"],
            api_key=os.environ["OPENROUTER_API_KEY"],
            timeout=10,
            max_retries=1,
        ),
        "openai/gpt-4o",
    ),
)


async def answer(messages: list[dict[str, Any]], *, model: str, stream: bool) -> Any:
    """Answer a request; `model` is what the caller asked for, but here the providers decide."""
    if stream:
        return _stream(messages)
    for client, name in PROVIDERS:
        try:
            return await client.chat.completions.create(model=name, messages=messages)
        except APIError:
            if client is PROVIDERS[-1][0]:
                raise
    return None


async def _stream(messages: list[dict[str, Any]]) -> AsyncIterator[str]:
    for client, name in PROVIDERS:
        begun = False
        try:
            async with await client.chat.completions.create(model=name, messages=messages, stream=True) as chunks:
                async for chunk in chunks:
                    if chunk.choices and chunk.choices[0].delta.content:
                        begun = True
                        yield chunk.choices[0].delta.content
            return
        except APIError:
            if begun or client is PROVIDERS[-1][0]:
                raise
