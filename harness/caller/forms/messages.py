"""Anthropic's messages."""

from __future__ import annotations

import json
from typing import Any

from harness.caller.answer import (
    NO_CONTENT,
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
from harness.provider.dialects.wire import count_of, load
from harness.provider.tools import ToolCall

_MAX_TOKENS = 1024
"""Sent where the load sets no limit, as there must be one."""


def _request(asked: Asked) -> dict[str, Any]:
    request: dict[str, Any] = {
        "messages": [{"role": "user", "content": asked.texts[0]}],
        "model": asked.model,
        "max_tokens": asked.max_tokens or _MAX_TOKENS,
    }
    return request | ({"stream": True} if asked.streaming else {})


def read_plain(body: bytes) -> Reading:
    """Return the reading of a plain answer: the text of its blocks, then its calls."""
    answer = load(body)
    try:
        blocks = answer["content"]
        content = "".join(block.get("text") or "" for block in blocks if block.get("type") == "text")
        calls = tuple(
            ToolCall(
                name=wire.text_of(block.get("name")),
                arguments=json.dumps(block["input"]),
                id=wire.text_of(block.get("id")),
            )
            for block in blocks
            if block.get("type") == "tool_use"
        )
    except (TypeError, LookupError, AttributeError):
        return wrong_shape(shape(body, answer, "no content"))
    return whole(
        content,
        calls,
        tokens=usage(answer, "input_tokens", "output_tokens"),
        error=None if content or calls else NO_CONTENT,
    )


class MessageStream(StreamReading):
    """A stream of a message's events."""

    def _take(self, event: Event) -> None:
        data = load(event.data)
        kind = data.get("type") if isinstance(data, dict) else None
        if not isinstance(kind, str) or event.name == "error" or kind == "error":
            self._refuse_error(data)
        elif kind == "message_start":
            self._tokens = usage(data.get("message"), "input_tokens", "output_tokens")
        elif kind == "content_block_start":
            block = data.get("content_block")
            if isinstance(block, dict) and block.get("type") == "tool_use":
                name, call_id = wire.text_of(block.get("name")), wire.text_of(block.get("id"))
                self._call(ToolCall(name=name, id=call_id, place=wire.count_of(data.get("index"))))
        elif kind == "content_block_delta":
            delta = data.get("delta")
            if not isinstance(delta, dict):
                return
            if delta.get("type") == "input_json_delta":
                self._call(
                    ToolCall(arguments=wire.text_of(delta.get("partial_json")), place=wire.count_of(data.get("index")))
                )
            elif isinstance(delta.get("text"), str):
                self._text(delta["text"])
        elif kind == "message_delta":
            found = data.get("usage")
            if isinstance(found, dict):
                self._tokens = self._tokens[0], count_of(found.get("output_tokens"))
        elif kind == "message_stop":
            self.finished = True


FORM = AnswerForm(headers={"anthropic-version": "2023-06-01"}, request=_request, plain=read_plain, stream=MessageStream)
