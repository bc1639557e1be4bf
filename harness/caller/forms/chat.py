"""OpenAI's chat completions, with calls of tools."""

from __future__ import annotations

import json
from typing import Any

from harness.caller.answer import (
    NO_CONTENT,
    WRONG_SHAPE,
    AnswerForm,
    Asked,
    Reading,
    StreamReading,
    shape,
    usage,
    whole,
    wrong_shape,
)
from harness.caller.sse import Event
from harness.provider.dialects import wire
from harness.provider.dialects.wire import load
from harness.provider.tools import ToolCall

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {argument: {"type": "string"}, limit: {"type": "integer"}},
                "required": [argument],
            },
        },
    }
    for name, description, argument, limit in (
        ("get_weather", "The weather in a city.", "city", "days"),
        ("search_docs", "Pages about a question.", "query", "pages"),
    )
]
"""The tools that callers offer."""


def _request(asked: Asked) -> dict[str, Any]:
    request: dict[str, Any] = {
        "messages": [*asked.earlier, *({"role": "user", "content": text} for text in asked.texts)],
        "model": asked.model,
    }
    if asked.max_tokens is not None:
        request["max_tokens"] = asked.max_tokens
    if asked.tools:
        request["tools"] = TOOLS
    if asked.streaming:
        request["stream"] = True
        request["stream_options"] = {"include_usage": True}
    return request


def said(reading: Reading) -> dict[str, Any]:
    """Return an answer as the message that a conversation goes on with."""
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in reading.calls
    ]
    message: dict[str, Any] = {"role": "assistant", "content": reading.content or None}
    return message | ({"tool_calls": calls} if calls else {})


def results(reading: Reading, text: str) -> list[dict[str, Any]]:
    """Return the results of an answer's calls as messages, each with a text in it.

    Args:
        reading: The answer.
        text: Ends with the request's marker.
    """
    return [
        {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"result": text})} for call in reading.calls
    ]


def read_plain(body: bytes) -> Reading:
    """Return the reading of a plain answer.

    Content may be null: the official client hands None over and raises nothing. It is then the empty text.
    """
    answer = load(body)
    try:
        message = answer["choices"][0]["message"]
        content = message.get("content")
    except (TypeError, LookupError, AttributeError):
        missing = "no message" if isinstance(answer, dict) and answer.get("choices") else "no choices"
        return wrong_shape(shape(body, answer, missing))
    if not isinstance(content, str | None):
        return wrong_shape("content is no text")
    calls = _calls(message.get("tool_calls"))
    return whole(
        content or "",
        calls,
        tokens=usage(answer, "prompt_tokens", "completion_tokens"),
        error=NO_CONTENT if content is None and not calls else None,
    )


class ChatStream(StreamReading):
    """A stream of chat completions' chunks."""

    def _take(self, event: Event) -> None:
        if event.data.startswith("[DONE]"):
            self.finished = True
            return
        chunk = load(event.data)
        if event.name == "error" or not isinstance(chunk, dict) or chunk.get("error"):
            self._refuse_error(chunk)
            return
        try:
            deltas = [choice.get("delta", {}) for choice in chunk.get("choices") or () if choice.get("index", 0) == 0]
            contents = [delta.get("content") for delta in deltas]
        except (TypeError, AttributeError):
            contents = [0]
        if not all(isinstance(content, str | None) for content in contents):
            self._refuse(f"{WRONG_SHAPE}: content is no text")
            return
        for content in contents:
            self._text(content or "")
        for delta in deltas:
            for piece in _calls(delta.get("tool_calls"), pieces=True):
                self._call(piece)
        if chunk.get("usage"):
            self._tokens = usage(chunk, "prompt_tokens", "completion_tokens")


def _calls(listed: Any, *, pieces: bool = False) -> tuple[ToolCall, ...]:
    """Return the calls of a message, or the pieces of them in a chunk. The official client takes any shape: what is missing is empty."""
    found = []
    for each in wire.objects(listed):
        function = wire.as_object(each.get("function"))
        place = each.get("index", 0)
        found.append(
            ToolCall(
                name=wire.text_of(function.get("name")),
                arguments=wire.text_of(function.get("arguments")),
                id=wire.text_of(each.get("id")),
                place=place if pieces and type(place) is int else None,
            )
        )
    return tuple(found)


FORM = AnswerForm(headers={}, request=_request, plain=read_plain, stream=ChatStream)
