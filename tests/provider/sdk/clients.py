"""The official SDKs, each asked in the way that its documentation shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import anthropic
import cohere
import groq
import openai
from google import genai
from google.genai import types
from mistralai.client import Mistral

from . import aws, cohere_v2, ollama_native, vertex, waits
from .cases import Case
from .heard import Heard

KEY = "no-key"
AZURE_VERSION = "2024-10-21"


class Ask(Protocol):
    """One call by one SDK."""

    async def __call__(self, heard: Heard, case: Case, prompt: str) -> None:
        """Write down what the SDK returns; raise what it raises."""


def said(prompt: str) -> Any:
    """Return a prompt as a list of messages."""
    return [{"role": "user", "content": prompt}]


def chat(client: openai.AsyncOpenAI | groq.AsyncGroq) -> Ask:
    """Return OpenAI's chat completions, or Groq's, whose SDK is made alike."""
    # Groq's SDK has no parameter of that name
    asked: Any = {"stream": True, "extra_body": {"stream_options": {"include_usage": True}}}

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        call: Any = {"model": case.name, "messages": said(prompt), "timeout": case.timeout_s}
        if case.max_tokens is not None:
            call["max_tokens"] = case.max_tokens
        if not case.streaming:
            answer = await client.chat.completions.create(**call)
            with heard.reading():
                heard.request_id = getattr(answer, "_request_id", None) or answer.id
                _heed_completion(heard, answer)
            return
        stream: Any = await client.chat.completions.create(**call, **asked)
        heard.request_id = stream.response.headers.get("x-request-id")
        async for chunk in stream:
            _heed_chunk(heard, chunk)

    return ask


def mistral(client: Mistral) -> Ask:
    """Return Mistral's chat completions."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        call: Any = {"model": case.name, "messages": said(prompt), "timeout_ms": round(case.timeout_s * 1000)}
        if case.max_tokens is not None:
            call["max_tokens"] = case.max_tokens
        if not case.streaming:
            answer = await client.chat.complete_async(**call)
            heard.request_id = answer.id
            _heed_completion(heard, answer)
            return
        async with await client.chat.stream_async(**call) as stream:
            async for event in stream:
                heard.request_id = event.data.id or heard.request_id
                _heed_chunk(heard, event.data)

    return ask


def _heed_chunk(heard: Heard, chunk: Any) -> None:
    heard.model = chunk.model or heard.model
    for choice in chunk.choices:
        heard.add(choice.delta.content)
        heard.finish = choice.finish_reason or heard.finish
    if chunk.usage is not None:
        heard.usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)


def _heed_completion(heard: Heard, answer: Any) -> None:
    heard.model = answer.model
    heard.text = answer.choices[0].message.content
    heard.finish = answer.choices[0].finish_reason
    heard.usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)


def responses(client: openai.AsyncOpenAI) -> Ask:
    """Return OpenAI's responses."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        call: Any = {"model": case.name, "input": prompt, "timeout": case.timeout_s}
        if case.max_tokens is not None:
            call["max_output_tokens"] = case.max_tokens
        if not case.streaming:
            answer = await client.responses.create(**call)
            with heard.reading():
                heard.request_id = answer._request_id
                _heed_response(heard, answer)
                heard.text = answer.output_text
            return
        stream = await client.responses.create(**call, stream=True)
        heard.request_id = stream.response.headers.get("x-request-id")
        async for event in stream:
            if event.type == "response.output_text.delta":
                heard.add(event.delta)
            elif event.type == "response.created":
                heard.model = event.response.model
            elif event.type in {"response.completed", "response.incomplete", "response.failed"}:
                _heed_response(heard, event.response)
            elif event.type == "error":
                heard.finish = f"an event `error` ({event.code})"

    return ask


def _heed_response(heard: Heard, answer: Any) -> None:
    heard.model = answer.model
    heard.finish = answer.status
    if answer.incomplete_details is not None:
        heard.finish = f"{answer.status}: {answer.incomplete_details.reason}"
    if answer.error is not None:
        heard.finish = f"{answer.status}: {answer.error.code}"
    if answer.usage is not None:
        heard.usage = (answer.usage.input_tokens, answer.usage.output_tokens)


def messages(client: anthropic.AsyncAnthropic | anthropic.AsyncAnthropicVertex) -> Ask:
    """Return Anthropic's messages."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        call: Any = {"model": case.name, "messages": said(prompt), "timeout": case.timeout_s}
        call["max_tokens"] = case.max_tokens or 1000
        if not case.streaming:
            answer = await client.messages.create(**call)
            with heard.reading():
                _heed_message(heard, answer)
            return
        stream = await client.messages.create(**call, stream=True)
        heard.request_id = stream.response.headers.get("request-id")
        async for event in stream:
            _heed_event(heard, event)

    return ask


def _heed_message(heard: Heard, answer: Any) -> None:
    heard.request_id = answer._request_id
    heard.model = answer.model
    heard.text = answer.content[0].text
    heard.finish = answer.stop_reason
    heard.usage = (answer.usage.input_tokens, answer.usage.output_tokens)


def _heed_event(heard: Heard, event: Any) -> None:
    if event.type == "message_start":
        heard.model = event.message.model
        if event.message.usage is not None:
            heard.usage = (event.message.usage.input_tokens, event.message.usage.output_tokens)
    elif event.type == "content_block_delta":
        heard.add(event.delta.text)
    elif event.type == "message_delta":
        heard.finish = event.delta.stop_reason
        if event.usage is not None and heard.usage is not None:
            heard.usage = (heard.usage[0], event.usage.output_tokens)


def generate(client: genai.Client) -> Ask:
    """Return Gemini's generate_content, in its asyncio flavour."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        call: Any = {"model": case.name, "contents": prompt, "config": _config(case)}
        if not case.streaming:
            _heed_generated(heard, await client.aio.models.generate_content(**call))
            return
        stream = await client.aio.models.generate_content_stream(**call)
        async for chunk in stream:
            _heed_generated(heard, chunk)
            heard.pieces += bool(chunk.text)

    return ask


def generate_in_a_thread(client: genai.Client) -> Ask:
    """Return Gemini's generate_content, in its blocking flavour."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        call: Any = {"model": case.name, "contents": prompt, "config": _config(case)}

        def block() -> None:
            if not case.streaming:
                _heed_generated(heard, client.models.generate_content(**call))
                return
            for chunk in client.models.generate_content_stream(**call):
                _heed_generated(heard, chunk)
                heard.pieces += bool(chunk.text)

        await asyncio.to_thread(block)

    return ask


def _config(case: Case) -> types.GenerateContentConfig:
    patience = types.HttpOptions(timeout=round(case.timeout_s * 1000))
    return types.GenerateContentConfig(http_options=patience, max_output_tokens=case.max_tokens)


def _heed_generated(heard: Heard, answer: types.GenerateContentResponse) -> None:
    heard.text += answer.text or ""
    heard.model = answer.model_version or heard.model
    heard.request_id = answer.response_id or heard.request_id
    for candidate in answer.candidates or ():
        heard.finish = candidate.finish_reason.name if candidate.finish_reason else heard.finish
    if answer.usage_metadata is not None:
        usage = answer.usage_metadata
        heard.usage = (usage.prompt_token_count or 0, usage.candidates_token_count or 0)


DIALECTS = {
    "openai": "openai",
    "responses": "openai",
    "azure": "azure",
    "openrouter": "openrouter",
    "deepseek": "deepseek",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "gemini-blocking": "gemini",
    "bedrock": "bedrock",
    "bedrock-invoke": "bedrock",
    "cohere": "cohere",
    "vertex_ai": "vertex_ai",
    "vertex_ai-claude": "vertex_ai",
    "groq": "openai-compatible",
    "mistral": "openai-compatible",
    "ollama": "ollama",
    "ollama_chat": "ollama_chat",
}
"""What each client speaks, by the client's name."""

VENDORS = {"groq": "groq", "mistral": "mistral"}
"""Whose API each of them asks that speaks `openai-compatible`."""

RETRYING = {
    "openai": "openai",
    "azure": "azure",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "gemini-retrying": "gemini",
}
"""The same of those whose own retries are measured; `gemini-retrying` is configured to retry, which it does not by default."""

HEEDING = ("openai", "azure", "anthropic")
"""Those of them that wait as long as Retry-After asks."""


@asynccontextmanager
async def clients(hosts: dict[str, str]) -> AsyncIterator[dict[str, Ask]]:
    """Open clients that try once.

    Args:
        hosts: Where each client finds its provider: `http://127.0.0.1:PORT`.
    """
    once: Any = {"api_key": KEY, "max_retries": 0}
    async with AsyncExitStack() as stack:

        async def openai_at(base_url: str) -> openai.AsyncOpenAI:
            return await stack.enter_async_context(openai.AsyncOpenAI(base_url=base_url, **once))

        azure = openai.AsyncAzureOpenAI(azure_endpoint=hosts["azure"], api_version=AZURE_VERSION, **once)
        claude = anthropic.AsyncAnthropic(base_url=hosts["anthropic"], **once)
        tries = types.HttpRetryOptions(attempts=1)
        command = await stack.enter_async_context(cohere.AsyncClientV2(KEY, base_url=hosts["cohere"]))
        yield {
            "openai": chat(await openai_at(f"{hosts['openai']}/v1")),
            "responses": responses(await openai_at(f"{hosts['responses']}/v1")),
            "azure": chat(await stack.enter_async_context(azure)),
            "openrouter": chat(await openai_at(f"{hosts['openrouter']}/api/v1")),
            "deepseek": chat(await openai_at(hosts["deepseek"])),
            "anthropic": messages(await stack.enter_async_context(claude)),
            "gemini": generate(_gemini(hosts["gemini"], stack, tries)),
            "gemini-blocking": generate_in_a_thread(_gemini(hosts["gemini-blocking"], stack, tries)),
            "bedrock": aws.converse(aws.runtimes(hosts["bedrock"], stack)),
            "cohere": cohere_v2.chat(command),
            "vertex_ai": generate(vertex.gemini(hosts["vertex_ai"], stack)),
            "vertex_ai-claude": messages(await stack.enter_async_context(vertex.claude(hosts["vertex_ai-claude"]))),
            "bedrock-invoke": aws.invoke(aws.runtimes(hosts["bedrock-invoke"], stack)),
            "groq": chat(await stack.enter_async_context(groq.AsyncGroq(base_url=hosts["groq"], **once))),
            "mistral": mistral(await stack.enter_async_context(Mistral(api_key=KEY, server_url=hosts["mistral"]))),
            "ollama": ollama_native.generate(await ollama_native.clients(hosts["ollama"], stack)),
            "ollama_chat": ollama_native.chat(await ollama_native.clients(hosts["ollama_chat"], stack)),
        }


@asynccontextmanager
async def retrying_clients(hosts: dict[str, str]) -> AsyncIterator[dict[str, Ask]]:
    """Open clients that try again as often as they do by themselves, their sleeps written down; see `clients`."""
    async with AsyncExitStack() as stack:
        chatgpt = openai.AsyncOpenAI(base_url=f"{hosts['openai']}/v1", api_key=KEY)
        azure = openai.AsyncAzureOpenAI(azure_endpoint=hosts["azure"], api_version=AZURE_VERSION, api_key=KEY)
        claude = anthropic.AsyncAnthropic(base_url=hosts["anthropic"], api_key=KEY)
        retrying = _gemini(hosts["gemini-retrying"], stack, types.HttpRetryOptions())
        tries: Any = retrying._api_client._async_retry
        tries.sleep = waits.sleep
        stack.enter_context(waits.written_down())
        yield {
            "openai": chat(await stack.enter_async_context(chatgpt)),
            "azure": chat(await stack.enter_async_context(azure)),
            "anthropic": messages(await stack.enter_async_context(claude)),
            "gemini": generate(_gemini(hosts["gemini"], stack, None)),
            "gemini-retrying": generate(retrying),
        }


def _gemini(host: str, stack: AsyncExitStack, tries: types.HttpRetryOptions | None) -> genai.Client:
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=host, retry_options=tries))
    stack.push_async_callback(client.aio.aclose)
    stack.callback(client.close)
    return client
