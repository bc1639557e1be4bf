"""The SDKs' own ways to put a stream together. They heed the order of its events, which a plain loop does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anthropic
import openai

from .cases import Case
from .clients import KEY, Ask, said
from .heard import Heard

HELPERS = {"openai-helper": "openai", "responses-helper": "openai", "anthropic-helper": "anthropic"}
"""What each speaks, by its name."""


@asynccontextmanager
async def helpers(hosts: dict[str, str]) -> AsyncIterator[dict[str, Ask]]:
    """Open them; see `clients`."""
    async with AsyncExitStack() as stack:

        async def openai_at(host: str) -> openai.AsyncOpenAI:
            return await stack.enter_async_context(
                openai.AsyncOpenAI(base_url=f"{host}/v1", api_key=KEY, max_retries=0)
            )

        claude = anthropic.AsyncAnthropic(base_url=hosts["anthropic-helper"], api_key=KEY, max_retries=0)
        yield {
            "openai-helper": _chat(await openai_at(hosts["openai-helper"])),
            "responses-helper": _responses(await openai_at(hosts["responses-helper"])),
            "anthropic-helper": _messages(await stack.enter_async_context(claude)),
        }


def _chat(client: openai.AsyncOpenAI) -> Ask:
    """Return `chat.completions.stream`."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        call: Any = {"model": case.name, "messages": said(prompt), "timeout": case.timeout_s}
        async with client.chat.completions.stream(**call, stream_options={"include_usage": True}) as stream:
            async for event in stream:
                if event.type == "content.delta":
                    heard.add(event.delta)
            answer = await stream.get_final_completion()
        heard.text = answer.choices[0].message.content or ""
        heard.finish = answer.choices[0].finish_reason
        if answer.usage is not None:
            heard.usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)

    return ask


def _responses(client: openai.AsyncOpenAI) -> Ask:
    """Return `responses.stream`."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        async with client.responses.stream(model=case.name, input=prompt, timeout=case.timeout_s) as stream:
            async for event in stream:
                if event.type == "response.output_text.delta":
                    heard.add(event.delta)
            answer = await stream.get_final_response()
        heard.text = answer.output_text
        heard.finish = answer.status
        if answer.usage is not None:
            heard.usage = (answer.usage.input_tokens, answer.usage.output_tokens)

    return ask


def _messages(client: anthropic.AsyncAnthropic) -> Ask:
    """Return `messages.stream`."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        call: Any = {"model": case.name, "messages": said(prompt), "timeout": case.timeout_s, "max_tokens": 1000}
        async with client.messages.stream(**call) as stream:
            async for piece in stream.text_stream:
                heard.add(piece)
            answer = await stream.get_final_message()
        heard.text = "".join(block.text for block in answer.content if block.type == "text")
        heard.finish = answer.stop_reason
        heard.usage = (answer.usage.input_tokens, answer.usage.output_tokens)

    return ask
