"""The official SDKs, each asked with tools in the way that its documentation shows, and then with the tools' results."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import types

from harness.provider.tools import ToolCall, joined, whole

from . import aws, vertex
from .cases import Case
from .clients import AZURE_VERSION, KEY

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
TOOLS = ("get_weather", "get_time")
RESULT = "sun"
ABOUT = "About a city"


@dataclass(slots=True, kw_only=True)
class SeenCalls:
    """What came out of an SDK.

    Attributes:
        pieces: Of the calls, as they came.
        finish: Why the answer ended, in the SDK's words.
        usage: Tokens of the answer.
        error: What the SDK raised; None if it did not.
        then: The text of the next turn, after the tools' results; None if it was not asked.
    """

    pieces: list[ToolCall] = field(default_factory=list)
    finish: str | None = None
    usage: int | None = None
    error: Exception | None = None
    then: str | None = None

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls, put together."""
        return joined(self.pieces)

    @property
    def text(self) -> str:
        """The same as text."""
        return whole("", self.calls)


AskTools = Callable[[SeenCalls, Case, str], Awaitable[None]]


def chat(client: openai.AsyncOpenAI) -> AskTools:
    """Return OpenAI's chat completions."""
    tools: Any = [
        {"type": "function", "function": {"name": name, "description": ABOUT, "parameters": SCHEMA}} for name in TOOLS
    ]

    async def ask(seen: SeenCalls, case: Case, prompt: str) -> None:
        history: Any = [{"role": "user", "content": prompt}]
        call: Any = {"model": case.name, "tools": tools, "timeout": case.timeout_s}
        if not case.streaming:
            answer = await client.chat.completions.create(messages=history, **call)
            message = answer.choices[0].message
            seen.finish, seen.usage = answer.choices[0].finish_reason, answer.usage and answer.usage.completion_tokens
            made: Any = message.tool_calls
            seen.pieces = [ToolCall(each.function.name, each.function.arguments, each.id) for each in made]
            results = [{"role": "tool", "tool_call_id": each.id, "content": RESULT} for each in made]
            again = await client.chat.completions.create(messages=[*history, message, *results], **call)
            seen.then = again.choices[0].message.content
            return
        options = {"include_usage": True}
        async for chunk in await client.chat.completions.create(
            messages=history, stream=True, stream_options=options, **call
        ):
            for choice in chunk.choices:
                seen.finish = choice.finish_reason or seen.finish
                for each in choice.delta.tool_calls or ():
                    name, arguments = each.function.name or "", each.function.arguments or ""
                    seen.pieces.append(ToolCall(name, arguments, each.id or "", each.index))
            seen.usage = chunk.usage.completion_tokens if chunk.usage else None

    return ask


def chat_helper(client: openai.AsyncOpenAI) -> AskTools:
    """Return `chat.completions.stream`, which puts the answer together."""
    tools: Any = [
        {"type": "function", "function": {"name": name, "parameters": SCHEMA, "strict": True}} for name in TOOLS
    ]

    async def ask(seen: SeenCalls, case: Case, prompt: str) -> None:
        history: Any = [{"role": "user", "content": prompt}]
        async with client.chat.completions.stream(model=case.name, messages=history, tools=tools) as stream:
            answer = await stream.get_final_completion()
        made: Any = answer.choices[0].message.tool_calls
        seen.pieces = [ToolCall(each.function.name, each.function.arguments, each.id) for each in made]
        seen.finish = answer.choices[0].finish_reason

    return ask


def responses(client: openai.AsyncOpenAI) -> AskTools:
    """Return OpenAI's responses."""
    tools: Any = [
        {"type": "function", "name": name, "description": ABOUT, "parameters": SCHEMA, "strict": False}
        for name in TOOLS
    ]

    async def ask(seen: SeenCalls, case: Case, prompt: str) -> None:
        history: Any = [{"role": "user", "content": prompt}]
        call: Any = {"model": case.name, "tools": tools, "timeout": case.timeout_s}
        if not case.streaming:
            answer = await client.responses.create(input=history, **call)
            made: Any = answer.output
            seen.pieces = [ToolCall(each.name, each.arguments, each.call_id) for each in made]
            seen.finish, seen.usage = answer.status, answer.usage and answer.usage.output_tokens
            results = [{"type": "function_call_output", "call_id": each.call_id, "output": RESULT} for each in made]
            seen.then = (await client.responses.create(input=[*history, *made, *results], **call)).output_text
            return
        stream: Any = await client.responses.create(input=history, stream=True, **call)
        async for event in stream:
            if event.type == "response.output_item.added":
                seen.pieces.append(ToolCall(event.item.name, "", event.item.call_id, event.output_index))
            elif event.type == "response.function_call_arguments.delta":
                seen.pieces.append(ToolCall(arguments=event.delta, place=event.output_index))
            elif event.type in {"response.completed", "response.failed"}:
                done = event.response
                seen.finish = done.status if done.error is None else f"{done.status}: {done.error.code}"
                seen.usage = done.usage and done.usage.output_tokens

    return ask


def messages(client: anthropic.AsyncAnthropic | anthropic.AsyncAnthropicVertex) -> AskTools:
    """Return Anthropic's messages."""
    tools: Any = [{"name": name, "description": ABOUT, "input_schema": SCHEMA} for name in TOOLS]

    async def ask(seen: SeenCalls, case: Case, prompt: str) -> None:
        history: Any = [{"role": "user", "content": prompt}]
        call: Any = {"model": case.name, "tools": tools, "timeout": case.timeout_s, "max_tokens": 1000}
        if not case.streaming:
            answer = await client.messages.create(messages=history, **call)
            made: Any = answer.content
            seen.pieces = [ToolCall(each.name, json.dumps(each.input), each.id) for each in made]
            seen.finish, seen.usage = answer.stop_reason, answer.usage.output_tokens
            results = [{"type": "tool_result", "tool_use_id": each.id, "content": RESULT} for each in made]
            history += [{"role": "assistant", "content": made}, {"role": "user", "content": results}]
            again: Any = await client.messages.create(messages=history, **call)
            seen.then = again.content[0].text
            return
        stream: Any = await client.messages.create(messages=history, stream=True, **call)
        async for event in stream:
            if event.type == "content_block_start":
                seen.pieces.append(ToolCall(event.content_block.name, "", event.content_block.id, event.index))
            elif event.type == "content_block_delta":
                seen.pieces.append(ToolCall(arguments=event.delta.partial_json, place=event.index))
            elif event.type == "message_delta":
                seen.finish, seen.usage = event.delta.stop_reason, event.usage.output_tokens

    return ask


def messages_helper(client: anthropic.AsyncAnthropic) -> AskTools:
    """Return `messages.stream`, which puts the message together."""
    tools: Any = [{"name": name, "input_schema": SCHEMA} for name in TOOLS]

    async def ask(seen: SeenCalls, case: Case, prompt: str) -> None:
        history: Any = [{"role": "user", "content": prompt}]
        async with client.messages.stream(model=case.name, messages=history, tools=tools, max_tokens=1000) as stream:
            answer: Any = await stream.get_final_message()
        seen.pieces = [ToolCall(each.name, json.dumps(each.input), each.id) for each in answer.content]
        seen.finish = answer.stop_reason

    return ask


def generate(client: genai.Client) -> AskTools:
    """Return Gemini's generate_content."""
    declared = [
        types.FunctionDeclaration(name=name, description=ABOUT, parameters_json_schema=SCHEMA) for name in TOOLS
    ]

    async def ask(seen: SeenCalls, case: Case, prompt: str) -> None:
        config = types.GenerateContentConfig(
            http_options=types.HttpOptions(timeout=round(case.timeout_s * 1000)),
            tools=[types.Tool(function_declarations=declared)],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        history: Any = [types.Content(role="user", parts=[types.Part(text=prompt)])]
        call: Any = {"model": case.name, "config": config}
        if not case.streaming:
            answer: Any = await client.aio.models.generate_content(contents=history, **call)
            _heed(seen, answer)
            assert answer.candidates[0].content.parts[0].thought_signature
            results = [
                types.Part.from_function_response(name=each.name, response={"result": RESULT})
                for each in answer.function_calls
            ]
            history += [answer.candidates[0].content, types.Content(role="user", parts=results)]
            seen.then = (await client.aio.models.generate_content(contents=history, **call)).text
            return
        async for chunk in await client.aio.models.generate_content_stream(contents=history, **call):
            _heed(seen, chunk)

    return ask


def _heed(seen: SeenCalls, answer: Any) -> None:
    for each in answer.function_calls or ():
        seen.pieces.append(ToolCall(each.name, json.dumps(each.args), each.id))
    reason = answer.candidates[0].finish_reason
    seen.finish = reason.name if reason else seen.finish
    seen.usage = answer.usage_metadata.candidates_token_count or seen.usage


def converse(runtimes: aws.Runtimes) -> AskTools:
    """Return boto3's `converse` and `converse_stream`."""
    specs = [{"toolSpec": {"name": name, "description": ABOUT, "inputSchema": {"json": SCHEMA}}} for name in TOOLS]

    def block(seen: SeenCalls, case: Case, prompt: str) -> None:
        client = runtimes.clients[case.timeout_s]
        history: list[Any] = [{"role": "user", "content": [{"text": prompt}]}]
        call: dict[str, Any] = {"modelId": case.name, "messages": history, "toolConfig": {"tools": specs}}
        if not case.streaming:
            answer = client.converse(**call)
            message = answer["output"]["message"]
            made = [part["toolUse"] for part in message["content"]]
            seen.pieces = [ToolCall(each["name"], json.dumps(each["input"]), each["toolUseId"]) for each in made]
            seen.finish, seen.usage = answer["stopReason"], answer["usage"]["outputTokens"]
            results = [{"toolResult": {"toolUseId": each["toolUseId"], "content": [{"text": RESULT}]}} for each in made]
            history += [message, {"role": "user", "content": results}]
            seen.then = client.converse(**call)["output"]["message"]["content"][0]["text"]
            return
        with closing(client.converse_stream(**call)["stream"]) as stream:
            for event in stream:
                _heed_event(seen, event)

    async def ask(seen: SeenCalls, case: Case, prompt: str) -> None:
        await asyncio.get_running_loop().run_in_executor(runtimes.threads, block, seen, case, prompt)

    return ask


def _heed_event(seen: SeenCalls, event: Any) -> None:
    if started := event.get("contentBlockStart"):
        used = started["start"]["toolUse"]
        seen.pieces.append(ToolCall(used["name"], "", used["toolUseId"], started["contentBlockIndex"]))
    elif delta := event.get("contentBlockDelta"):
        arguments = delta["delta"]["toolUse"]["input"]
        seen.pieces.append(ToolCall(arguments=arguments, place=delta["contentBlockIndex"]))
    elif stop := event.get("messageStop"):
        seen.finish = stop["stopReason"]
    elif metadata := event.get("metadata"):
        seen.usage = metadata["usage"]["outputTokens"]


DIALECTS = {
    "openai": "openai",
    "responses": "openai",
    "azure": "azure",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "vertex_ai": "vertex_ai",
    "vertex_ai-claude": "vertex_ai",
    "bedrock": "bedrock",
}
"""What each client speaks, by the client's name."""
HELPERS = {"openai-helper": "openai", "anthropic-helper": "anthropic"}
"""The same of those that put a stream together by themselves."""


@asynccontextmanager
async def tool_clients(hosts: dict[str, str]) -> AsyncIterator[dict[str, AskTools]]:
    """Open clients that try once.

    Args:
        hosts: Where each client finds its provider: `http://127.0.0.1:PORT`.
    """
    once: Any = {"api_key": KEY, "max_retries": 0}
    async with AsyncExitStack() as stack:

        async def openai_at(name: str) -> openai.AsyncOpenAI:
            return await stack.enter_async_context(openai.AsyncOpenAI(base_url=f"{hosts[name]}/v1", **once))

        async def claude_at(name: str) -> anthropic.AsyncAnthropic:
            return await stack.enter_async_context(anthropic.AsyncAnthropic(base_url=hosts[name], **once))

        azure = openai.AsyncAzureOpenAI(azure_endpoint=hosts["azure"], api_version=AZURE_VERSION, **once)
        options = types.HttpOptions(base_url=hosts["gemini"], retry_options=types.HttpRetryOptions(attempts=1))
        google = genai.Client(api_key=KEY, http_options=options)
        stack.push_async_callback(google.aio.aclose)
        stack.callback(google.close)
        yield {
            "openai": chat(await openai_at("openai")),
            "responses": responses(await openai_at("responses")),
            "azure": chat(await stack.enter_async_context(azure)),
            "anthropic": messages(await claude_at("anthropic")),
            "gemini": generate(google),
            "vertex_ai": generate(vertex.gemini(hosts["vertex_ai"], stack)),
            "vertex_ai-claude": messages(await stack.enter_async_context(vertex.claude(hosts["vertex_ai-claude"]))),
            "bedrock": converse(aws.runtimes(hosts["bedrock"], stack)),
            "openai-helper": chat_helper(await openai_at("openai-helper")),
            "anthropic-helper": messages_helper(await claude_at("anthropic-helper")),
        }
