"""The SDKs' own ways to put a stream together: they check the order of its events, which a plain loop does not."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import openai

from harness.chain import Provider, ReplySpec
from harness.edge import Edge
from harness.provider.text import text

from .clients import KEY

TOKENS = 5
PROMPT: Any = [{"role": "user", "content": "hello"}]


def ask(dialect: str, use: Callable[[str], Awaitable[Any]]) -> Any:
    """Return what comes of using a provider that is well, given where it is."""

    async def run() -> Any:
        spec = ReplySpec(ttft=0, tokens=TOKENS, tokens_per_second=0)
        provider = Provider(dialect=dialect, model="any", reply=spec)  # type: ignore[arg-type]
        async with Edge({"it": provider}) as edge:
            return await use(f"http://127.0.0.1:{edge.ports['it']}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's deprecations
        return asyncio.run(run())


SAID = text("orphan.it.1", TOKENS)


def test_chat_completions() -> None:
    """The chunks make a whole completion."""

    async def use(host: str) -> Any:
        async with openai.AsyncOpenAI(base_url=f"{host}/v1", api_key=KEY) as client:
            options: Any = {"include_usage": True}
            async with client.chat.completions.stream(model="m", messages=PROMPT, stream_options=options) as stream:
                return await stream.get_final_completion()

    answer = ask("openai", use)
    assert answer.choices[0].message.content == SAID
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == TOKENS


def test_responses() -> None:
    """The events make a whole response: each output and each part is begun before it grows."""

    async def use(host: str) -> Any:
        async with openai.AsyncOpenAI(base_url=f"{host}/v1", api_key=KEY) as client:
            async with client.responses.stream(model="m", input="hello") as stream:
                texts = [event.snapshot async for event in stream if event.type == "response.output_text.delta"]
            return texts, await stream.get_final_response()

    texts, answer = ask("openai", use)
    assert texts[-1] == answer.output_text == SAID
    assert answer.status == "completed"
    assert answer.usage.output_tokens == TOKENS


def test_messages() -> None:
    """The events make a whole message: its block is begun before it grows, and stopped."""

    async def use(host: str) -> Any:
        async with anthropic.AsyncAnthropic(base_url=host, api_key=KEY) as client:
            async with client.messages.stream(model="m", messages=PROMPT, max_tokens=100) as stream:
                kinds = [event.type async for event in stream]
            return kinds, await stream.get_final_message()

    kinds, answer = ask("anthropic", use)
    assert kinds.count("content_block_stop") == 1
    assert answer.content[0].text == SAID
    assert (answer.stop_reason, answer.usage.output_tokens) == ("end_turn", TOKENS)
