"""Bedrock's events: what they hold, and the same with parts of it changed.

Converse has kinds of its own. InvokeModel has one kind, `chunk`, which wraps an event of the model's maker.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from harness.provider.answer import FinishReason, ParsedBody
from harness.provider.dialects import aws_events, bedrock_invoke, delays, histories, prefixes, wire
from harness.provider.dialects.bedrock_invoke import METRICS, Data, PromptFormat
from harness.provider.dialects.declaration import Dialect, FinishReasons
from harness.provider.dialects.prefixes import ReportedCache
from harness.provider.reply import Send
from harness.provider.tools import CallPieces, ToolCall

FINISH = FinishReasons(
    stop="end_turn",
    length="max_tokens",
    content_filter="content_filtered",
    others={"guardrail_intervened": "content_filter", "model_context_window_exceeded": "length"},
    tool_calls="tool_use",
)
_KINDS = frozenset(
    ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")
)
CHUNK = "chunk"


class Content(NamedTuple):
    """What an event holds.

    Attributes:
        kind: Of Converse's events, or `chunk` for one of InvokeModel that is none of these.
        data: Its object.
        wrapped: Whether it came in an event of InvokeModel.
    """

    kind: str
    data: Data
    wrapped: bool


@cache
def _headers(kind: str) -> bytes:
    return aws_events.write_headers(
        {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    )


KEEPALIVE = aws_events.write(_headers("ping"), b"")
"""An event without content, of a kind that no client knows: Bedrock sends none, and the format has no comments."""


def event_of(kind: str, data: Data, *, wrapped: bool) -> bytes:
    """Return an event.

    Args:
        kind: Of Converse's events, or `chunk`.
        data: Its object.
        wrapped: Whether it is an event of InvokeModel.
    """
    if not wrapped:
        return aws_events.write(_headers(kind), json.dumps(data, separators=(",", ":")).encode())
    inner = data if kind == CHUNK else {kind: data}
    return event_of(CHUNK, {"bytes": b64encode(json.dumps(inner).encode()).decode()}, wrapped=False)


def content_of(event: bytes) -> Content:
    """Return what an event holds; a chunk without anything where it holds nothing that can be read."""
    read = aws_events.read(event)
    if read is None:
        return Content(CHUNK, {}, wrapped=True)
    kind, data = read.headers.get(":event-type", ""), wire.as_object(wire.load(read.payload))
    if kind != CHUNK:
        return Content(kind, data, wrapped=False)
    try:
        inner = wire.as_object(wire.load(b64decode(str(data.get("bytes")), validate=True)))
    except ValueError:
        inner = {}
    kind = next((key for key in inner if key in _KINDS), CHUNK)
    return Content(kind, inner if kind == CHUNK else wire.as_object(inner[kind]), wrapped=True)


def _rewritten(event: bytes, content: Content, data: Data) -> bytes:
    return event if data == content.data else event_of(content.kind, data, wrapped=content.wrapped)


def filtered(event: bytes) -> bytes:
    """Return an end that names the content filter."""
    content = kind, data, _ = content_of(event)
    if kind == "messageStop":
        return _rewritten(event, content, {**data, "stopReason": FINISH.content_filter})
    return _in_chunk(event, content, lambda other: other.filtered, _filter_prompt)


def _filter_prompt(form: PromptFormat, held: Data) -> Data:
    return {**held, form.reason: form.words.content_filter} if held.get(form.reason) else held


def emptied(event: bytes) -> bytes:
    """Return an end without text. Converse's has none."""
    return _in_chunk(event, content_of(event), lambda other: other.emptied, lambda form, held: {**held, form.text: ""})


def _in_chunk(
    event: bytes,
    content: Content,
    change: Callable[[Dialect], Callable[[bytes], bytes]],
    change_prompt: Callable[[PromptFormat, Data], Data],
) -> bytes:
    """Return an event of InvokeModel with what it holds changed, by another dialect where it is one of its events."""
    if content.kind != CHUNK:
        return event
    if other := bedrock_invoke.borrowed_of(content.data):
        own = bedrock_invoke.server_sent(content.data)
        made = change(other)(own)
        return event if made == own else _rewritten(event, content, wire.data_of(made))
    return _rewritten(event, content, bedrock_invoke.changed(content.data, change_prompt))


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage."""
    content = kind, data, _ = content_of(event)
    if kind != CHUNK:
        return b"" if kind == "metadata" else event
    kept = bedrock_invoke.without_usage(data)
    if other := bedrock_invoke.borrowed_of(data):
        made = other.without_usage(bedrock_invoke.server_sent(kept))
        if not made:
            return b""
        kept = wire.data_of(made)
    return _rewritten(event, content, kept)


def read_event(event: bytes) -> Send:
    """Return an event with its text and its role."""
    kind, data, _ = content_of(event)
    if kind == "contentBlockDelta":
        delta = wire.as_object(data.get("delta"))
        arguments = wire.as_object(delta.get("toolUse")).get("input")
        return Send(event, wire.text_of(delta.get("text")) or wire.text_of(arguments))
    if kind == "messageStop":
        return Send(event, part="finish")
    if kind == "metadata" and data.get("usage"):
        return Send(event, part="usage")
    if kind != CHUNK:
        return Send(event)
    if other := bedrock_invoke.borrowed_of(data):
        return replace(other.read_event(bedrock_invoke.server_sent(data)), data=event)
    return Send(event, bedrock_invoke.read_text(data), "finish" if bedrock_invoke.read_finish(data) else "")


def read_calls(event: bytes) -> CallPieces | None:
    """Return the pieces of calls."""
    kind, data, _ = content_of(event)
    if kind == CHUNK:
        other = bedrock_invoke.borrowed_of(data)
        return None if other is None else other.read_calls(bedrock_invoke.server_sent(data))
    place = wire.count_of(data.get("contentBlockIndex"))
    start = wire.as_object(data.get("start"))
    if kind == "contentBlockStart" and "toolUse" in start:
        return CallPieces("", (call_of(start)._replace(arguments="", place=place),))
    delta = wire.as_object(wire.as_object(data.get("delta")).get("toolUse"))
    if kind != "contentBlockDelta" or not delta:
        return None
    return CallPieces("", (ToolCall(arguments=wire.text_of(delta.get("input")), place=place),))


def call_of(block: Data) -> ToolCall:
    """Return the call in a block."""
    call = wire.as_object(block.get("toolUse"))
    name, id_ = wire.text_of(call.get("name")), wire.text_of(call.get("toolUseId"))
    return ToolCall(name, histories.dumped(call.get("input")), id_)


def read_finish(event: bytes) -> FinishReason | None:
    """Return why the answer ended."""
    kind, data, _ = content_of(event)
    if kind != CHUNK:
        return FINISH.read(data.get("stopReason")) if kind == "messageStop" else None
    if other := bedrock_invoke.borrowed_of(data):
        return other.read_finish(bedrock_invoke.server_sent(data))
    return bedrock_invoke.read_finish(data)


def read_usage(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    kind, data, _ = content_of(event)
    if kind != CHUNK:
        usage = wire.as_object(data.get("usage")) if kind == "metadata" else {}
        return wire.count_of(usage.get("inputTokens")), wire.count_of(usage.get("outputTokens"))
    other = bedrock_invoke.borrowed_of(data)
    if other is None or METRICS in data:
        return bedrock_invoke.read_usage(data)
    return other.read_usage(bedrock_invoke.server_sent(data))


def read_cached(raw: bytes) -> ReportedCache | None:
    """Return what an event or a plain body reports of the prompt cache."""
    if raw.lstrip()[:1] == b"{":
        return prefixes.reported(raw)
    return prefixes.reported(json.dumps(content_of(raw)[1]).encode()) if b"ache" in raw or b"bytes" in raw else None


def read_error(event: bytes) -> ParsedBody | None:
    """Return the error by which an event ends a stream; None if it holds none."""
    read = aws_events.read(event)
    if read is None or read.headers.get(":message-type") not in ("exception", "error"):
        return None
    headers = read.headers
    message = headers.get(":error-message") or wire.as_object(wire.load(read.payload)).get("message")
    code = wire.code_of(headers.get(":exception-type"), headers.get(":error-code"))
    return ParsedBody(error_code=code, retry_after_ns=delays.in_words(message))
