"""A conversation in OpenAI's format, read for a provider that has another: its turns, and the tools that it offers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from harness.provider.dialects import wire
from harness.provider.tools import ToolCall

_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")
_ID_MAX = 64
SKIP_SIGNATURE = "skip_thought_signature_validator"
"""What Google documents for a call of another vendor's model, which has no thought signature:
https://ai.google.dev/gemini-api/docs/thought-signatures."""


class ToolResult(NamedTuple):
    """What a tool returned.

    Attributes:
        call: That it answers; only its id if the conversation holds no such call.
        text: Its content.
    """

    call: ToolCall
    text: str


class HistoryTurn(NamedTuple):
    """What one side says before the other one does.

    Attributes:
        role: `user` or `assistant`.
        results: Of tools, which come first.
        texts: In order.
        calls: Of tools, which come last.
    """

    role: str
    results: tuple[ToolResult, ...] = ()
    texts: tuple[str, ...] = ()
    calls: tuple[ToolCall, ...] = ()


class OfferedTool(NamedTuple):
    """A tool as OpenAI's API describes it.

    Attributes:
        name: As the model calls it.
        description: For the model; empty for none.
        parameters: The JSON schema of its arguments.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


def turns(messages: Iterable[Any]) -> list[HistoryTurn]:
    """Return the turns of a conversation, user's and assistant's in alternation; it has no system messages."""
    made: list[HistoryTurn] = []
    calls: dict[str, ToolCall] = {}
    for message in wire.objects(list(messages)):
        turn = _turn(message, calls)
        calls.update({call.id: call for call in turn.calls})
        if made and made[-1].role == turn.role:
            last = made.pop()
            turn = HistoryTurn(turn.role, last.results + turn.results, last.texts + turn.texts, last.calls + turn.calls)
        made.append(turn)
    return made


def _turn(message: Mapping[str, Any], calls: Mapping[str, ToolCall]) -> HistoryTurn:
    text = wire.text_of(message.get("content"))
    if message.get("role") == "tool":
        name = str(message.get("tool_call_id", ""))
        return HistoryTurn("user", results=(ToolResult(calls.get(name, ToolCall(id=name)), text),))
    texts = (text,) if text or not message.get("tool_calls") else ()
    made = tuple(_call(each) for each in wire.objects(message.get("tool_calls")))
    return HistoryTurn("assistant" if message.get("role") == "assistant" else "user", texts=texts, calls=made)


def _call(data: Mapping[str, Any]) -> ToolCall:
    function = wire.as_object(data.get("function"))
    extra = wire.as_object(wire.as_object(data.get("extra_content")).get("google"))
    return ToolCall(
        wire.text_of(function.get("name")),
        wire.text_of(function.get("arguments")),
        wire.text_of(data.get("id")),
        signature=wire.text_of(extra.get("thought_signature")),
    )


def has_tools(body: Mapping[str, Any]) -> bool:
    """Return whether a conversation holds calls of tools or their results."""
    return any(message.get("tool_calls") or message.get("role") == "tool" for message in wire.objects(body["messages"]))


def arguments(call: ToolCall) -> dict[str, Any]:
    """Return a call's arguments as an object; empty where they are none."""
    return wire.as_object(wire.load(call.arguments.encode()))


def result_object(text: str) -> dict[str, Any]:
    """Return a tool's result as an object: itself if it is one."""
    data = wire.load(text.encode())
    return data if isinstance(data, dict) else {"result": text}


def safe_id(name: str) -> str:
    """Return the name of a call as Anthropic and Bedrock take it: letters, digits, `_` and `-`, at most 64 of them."""
    return _NO_ID.sub("_", name)[:_ID_MAX]


def offered(body: Mapping[str, Any]) -> list[OfferedTool]:
    """Return the tools that a chat completion offers."""
    functions = [wire.as_object(tool.get("function")) for tool in wire.objects(body.get("tools"))]
    return [
        OfferedTool(
            wire.text_of(function.get("name")),
            wire.text_of(function.get("description")),
            wire.as_object(function.get("parameters")) or {"type": "object", "properties": {}},
        )
        for function in functions
        if function
    ]


def choice(body: Mapping[str, Any]) -> str | None:
    """Return how a chat completion wants tools to be called: `none`, `auto`, `required`, `=NAME`; None where it does not say."""
    stated = body.get("tool_choice")
    if isinstance(stated, str):
        return stated if stated in ("none", "auto", "required") else None
    name = wire.as_object(wire.as_object(stated).get("function")).get("name")
    return f"={name}" if isinstance(name, str) else None


def anthropic(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tools as Anthropic's messages have them, and the choice among them."""
    tools = [
        {"name": name, **({"description": text} if text else {}), "input_schema": schema}
        for name, text, schema in offered(body)
    ]
    if not tools:
        return {}
    stated = choice(body) or "auto"
    how: dict[str, Any] = {"type": {"required": "any"}.get(stated, stated)}
    if stated.startswith("="):
        how = {"type": "tool", "name": stated[1:]}
    if body.get("parallel_tool_calls") is False and stated != "none":
        how["disable_parallel_tool_use"] = True
    return {"tools": tools, **({"tool_choice": how} if how != {"type": "auto"} else {})}


def anthropic_messages(messages: Iterable[Any]) -> list[dict[str, Any]]:
    """Return a conversation as Anthropic's messages."""
    return [{"role": turn.role, "content": _anthropic_blocks(turn)} for turn in turns(messages)]


def _anthropic_blocks(turn: HistoryTurn) -> list[dict[str, Any]]:
    return [
        *(
            {"type": "tool_result", "tool_use_id": safe_id(result.call.id), "content": result.text}
            for result in turn.results
        ),
        *({"type": "text", "text": text} for text in turn.texts if text or not (turn.results or turn.calls)),
        *(
            {"type": "tool_use", "id": safe_id(call.id), "name": call.name, "input": arguments(call)}
            for call in turn.calls
        ),
    ]


def converse(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tools as Bedrock's Converse has them, which has no choice of none."""
    stated = choice(body)
    tools = [
        {
            "toolSpec": {
                "name": name,
                **({"description": text} if text else {}),
                "inputSchema": {"json": schema},
            }
        }
        for name, text, schema in offered(body)
    ]
    if not tools or (stated == "none" and not has_tools(body)):
        return {}
    config: dict[str, Any] = {"tools": tools}
    if stated == "required":
        config["toolChoice"] = {"any": {}}
    elif stated is not None and stated.startswith("="):
        config["toolChoice"] = {"tool": {"name": stated[1:]}}
    return {"toolConfig": config}


def converse_messages(messages: Iterable[Any]) -> list[dict[str, Any]]:
    """Return a conversation as Converse's messages."""
    return [{"role": turn.role, "content": _converse_blocks(turn)} for turn in turns(messages)]


def _converse_blocks(turn: HistoryTurn) -> list[dict[str, Any]]:
    return [
        *(
            {"toolResult": {"toolUseId": safe_id(result.call.id), "content": [{"text": result.text}]}}
            for result in turn.results
        ),
        *({"text": text} for text in turn.texts if text or not (turn.results or turn.calls)),
        *(
            {"toolUse": {"toolUseId": safe_id(call.id), "name": call.name, "input": arguments(call)}}
            for call in turn.calls
        ),
    ]


def gemini(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tools as Gemini's API has them, and the choice among them."""
    declared = [
        {"name": name, **({"description": text} if text else {}), "parametersJsonSchema": schema}
        for name, text, schema in offered(body)
    ]
    if not declared:
        return {}
    stated = choice(body)
    config: dict[str, Any] = {"mode": {"none": "NONE", "required": "ANY"}.get(stated or "", "AUTO")}
    if stated is not None and stated.startswith("="):
        config = {"mode": "ANY", "allowedFunctionNames": [stated[1:]]}
    chosen = {} if stated is None else {"toolConfig": {"functionCallingConfig": config}}
    return {"tools": [{"functionDeclarations": declared}], **chosen}


def gemini_contents(messages: Iterable[Any]) -> list[dict[str, Any]]:
    """Return a conversation as Gemini's contents."""
    return [
        {"role": "model" if turn.role == "assistant" else "user", "parts": _gemini_parts(turn)}
        for turn in turns(messages)
    ]


def _gemini_parts(turn: HistoryTurn) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [
        {"functionResponse": {"name": result.call.name or "unknown", "response": result_object(result.text)}}
        for result in turn.results
    ]
    parts += ({"text": text} for text in turn.texts)
    for place, call in enumerate(turn.calls):
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": arguments(call)}}
        if call.signature or place == 0:  # only the first of parallel calls has one
            part["thoughtSignature"] = call.signature or SKIP_SIGNATURE
        parts.append(part)
    return parts


def dumped(data: Any) -> str:
    """Return the arguments that a provider sends as an object, as JSON."""
    return json.dumps(data if isinstance(data, dict) else {}, separators=(",", ":"), ensure_ascii=False)
