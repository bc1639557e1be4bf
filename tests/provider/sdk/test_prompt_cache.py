"""The official SDKs read the cached tokens of mocked providers, plain and streamed, from an edge on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Any

import anthropic
import boto3
import openai
import pytest
from google import genai
from google.genai import types

from harness.edge import Edge
from tests.plans import quick

from .clients import AZURE_VERSION, KEY

LONG = "Quote the handbook. " * 600
READ = 2_944
"""Whole steps of 128 tokens in 3,000."""


@asynccontextmanager
async def host_of(dialect: str) -> AsyncIterator[str]:
    """Run an edge; gives the address of its one provider."""
    async with Edge({"it": quick(dialect, tokens=4, ttft=0)}, seed=1, token=None) as edge:
        yield f"http://127.0.0.1:{edge.ports['it']}"


def said(question: str) -> Any:
    """Return messages with a long text first."""
    return [{"role": "system", "content": LONG}, {"role": "user", "content": question}]


async def _of_chat(client: Any) -> tuple[int, int, int]:
    first, second = [
        (await client.chat.completions.create(model="gpt-4o", messages=said(question))).usage for question in "ab"
    ]
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=said("c"), stream=True, stream_options={"include_usage": True}
    )
    usage = [chunk.usage async for chunk in stream if chunk.usage][-1]
    assert second.prompt_tokens == 3000
    found = (first, second, usage)
    first_read, second_read, streamed = (each.prompt_tokens_details.cached_tokens for each in found)
    return first_read, second_read, streamed


async def test_openai_and_azure() -> None:
    """`usage.prompt_tokens_details.cached_tokens`."""
    once: Any = {"api_key": KEY, "max_retries": 0}
    async with host_of("openai") as host, openai.AsyncOpenAI(base_url=f"{host}/v1", **once) as client:
        assert await _of_chat(client) == (0, READ, READ)
    async with host_of("azure") as host:
        at = openai.AsyncAzureOpenAI(azure_endpoint=host, api_version=AZURE_VERSION, **once)
        async with at as client:
            assert await _of_chat(client) == (0, READ, READ)


async def test_responses() -> None:
    """`usage.input_tokens_details.cached_tokens`."""
    async with (
        host_of("openai") as host,
        openai.AsyncOpenAI(base_url=f"{host}/v1", api_key=KEY, max_retries=0) as client,
    ):
        asked: Any = {"model": "gpt-4o", "instructions": LONG}
        plain = [(await client.responses.create(**asked, input=question)).usage for question in "ab"]
        stream = await client.responses.create(**asked, input="c", stream=True)
        ended = [event.response.usage async for event in stream if event.type == "response.completed"]
    found = [each.input_tokens_details.cached_tokens for each in (*plain, *ended) if each is not None]
    assert found == [0, READ, READ]


async def test_anthropic() -> None:
    """`cache_creation_input_tokens` and `cache_read_input_tokens`, which `input_tokens` does not include."""
    system: Any = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
    asked: Any = {"model": "claude-sonnet-4", "max_tokens": 9, "system": system}
    async with host_of("anthropic") as host, anthropic.AsyncAnthropic(base_url=host, api_key=KEY) as client:

        async def usage(question: str) -> tuple[Any, ...]:
            turn: Any = [{"role": "user", "content": question}]
            found = (await client.messages.create(**asked, messages=turn)).usage
            return found.input_tokens, found.cache_creation_input_tokens, found.cache_read_input_tokens

        assert await usage("what?") == (1, 3000, 0)
        assert await usage("who??") == (1, 0, 3000)
        async with client.messages.stream(**asked, messages=[{"role": "user", "content": "when?"}]) as stream:
            final = (await stream.get_final_message()).usage
        assert (final.input_tokens, final.cache_read_input_tokens) == (1, 3000)


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # Google's own
async def test_gemini() -> None:
    """`usage_metadata.cached_content_token_count`, which is absent where nothing was cached."""
    async with host_of("gemini") as host, AsyncExitStack() as stack:
        client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=host))
        stack.push_async_callback(client.aio.aclose)
        stack.callback(client.close)
        config = types.GenerateContentConfig(system_instruction=LONG)
        asked: Any = {"model": "gemini-2.5-flash", "config": config}
        counts = []
        for question in ("what?", "who?"):
            usage = (await client.aio.models.generate_content(**asked, contents=question)).usage_metadata
            counts.append(usage and usage.cached_content_token_count)
        async for chunk in await client.aio.models.generate_content_stream(**asked, contents="when?"):
            last = chunk.usage_metadata
        assert [*counts, last and last.cached_content_token_count] == [None, READ, READ]


async def test_bedrock() -> None:
    """`cacheReadInputTokens` and `cacheWriteInputTokens`, which `inputTokens` does not include."""
    keys: Any = {"aws_access_key_id": KEY, "aws_secret_access_key": KEY, "region_name": "us-east-1"}
    asked: Any = {
        "modelId": "anthropic.claude-sonnet-4",
        "system": [{"text": LONG}, {"cachePoint": {"type": "default"}}],
    }

    def usages(host: str) -> list[tuple[int, int, int]]:
        with closing(boto3.Session(**keys).client("bedrock-runtime", endpoint_url=host)) as client:
            turns = [[{"role": "user", "content": [{"text": question}]}] for question in ("what?", "who??", "when?")]
            plain = [client.converse(**asked, messages=turn)["usage"] for turn in turns[:2]]
            events = client.converse_stream(**asked, messages=turns[2])["stream"]
            streamed = [event["metadata"]["usage"] for event in events if "metadata" in event]
        names = ("inputTokens", "cacheWriteInputTokens", "cacheReadInputTokens")
        return [(usage[names[0]], usage[names[1]], usage[names[2]]) for usage in (*plain, *streamed)]

    async with host_of("bedrock") as host:
        assert await asyncio.to_thread(usages, host) == [(1, 3000, 0), (1, 0, 3000), (1, 0, 3000)]
