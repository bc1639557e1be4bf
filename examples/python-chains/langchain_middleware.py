"""A LangChain agent with `ModelFallbackMiddleware`: ChatOpenAI, then ChatAnthropic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

AGENT = create_agent(
    ChatOpenAI(model="gpt-4o", timeout=10, max_retries=1),
    middleware=[ModelFallbackMiddleware(ChatAnthropic(model="claude-3-5-sonnet-20241022", timeout=10, max_retries=1))],
)


async def answer(messages: list[dict[str, Any]], *, model: str, stream: bool) -> str | AsyncIterator[str]:
    """Answer a request with the text of the agent's last message."""
    if stream:
        return _stream(messages)
    state = await AGENT.ainvoke({"messages": messages})
    return str(state["messages"][-1].text)


async def _stream(messages: list[dict[str, Any]]) -> AsyncIterator[str]:
    async for chunk, _metadata in AGENT.astream({"messages": messages}, stream_mode="messages"):
        if text := str(chunk.text):
            yield text
