"""OpenAI's responses: its newer API, whose streams have an event for every stage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from harness.http_rules import is_success
from harness.provider import text as mocked
from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Refusal
from harness.provider.dialects import calls, chat, common, offers, prefixes, rules, wire
from harness.provider.dialects.chat import ChatError
from harness.provider.dialects.common import CREATED, Events, MockAnswer, quoted
from harness.provider.mocked_calls import MockCall, call_tokens, escaped
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider
from harness.provider.tools import CallPieces, ToolCall

API = "responses"

_FIELDS = calls.Fields(
    prompt="input",
    texts=True,
    system="instructions",
    limits=("max_output_tokens",),
    tools=offers.of_responses,
    broken=rules.of_responses,
    caching=prefixes.AUTOMATIC,
)
_EVENT = re.compile(rb'"type"\s*:\s*"(?:response\.|error")')
_BODY = re.compile(rb'"object"\s*:\s*"response"')
_SEQUENCE_LAST = 10**6
"""The number of an event that comes after all others, however many those were."""
_CLOSING = ("response.output_text.done", "response.content_part.done", "response.completed", "response.incomplete")
_ARGUMENTS_DELTA = "response.function_call_arguments.delta"
_INCOMPLETE: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_FAILURES = frozenset({"server_error", "rate_limit_exceeded"})
"""The codes of a response that fails after it has begun; other failures are a `server_error`."""


def read(body: bytes) -> Call:
    """Return the call in a request's body."""
    call = calls.read(body, fields=_FIELDS)
    return call._replace(api=API, usage=True)


def answer(provider: Provider, call: Call, attempt_id: str, mock: MockAnswer, *, headers: Headers) -> Answer:
    """Return the answer of a healthy provider."""
    model = quoted(call.model or provider.model)
    done = _response(_id(attempt_id), model, "completed" if mock.complete else "incomplete", mock, call)
    if not call.streaming:
        return common.plain(provider.reply, mock, call, headers, done.encode())
    return common.stream(provider.reply, mock, call, headers, _events(attempt_id, model, mock, done))


def _id(attempt_id: str) -> str:
    """Return the digits of a response's id, made from the attempt's id: a failure in mid-stream needs the same ones."""
    return common.name(attempt_id, API)


def _item(name: str, status: str, content: str) -> str:
    return f'{{"id":"msg_{name}","type":"message","status":"{status}","content":[{content}],"role":"assistant"}}'


def _part(text: str) -> str:
    return f'{{"type":"output_text","annotations":[],"logprobs":[],"text":"{text}"}}'


def _response(name: str, model: str, status: str, mock: MockAnswer | None, call: Call) -> str:
    """Return a response object; without output and usage before its first token."""
    output, usage, details = "", "null", "null"
    if mock is not None:
        output = ",".join(map(_called, mock.calls)) if mock.calls else _item(name, status, _part(mock.text))
        total = call.prompt_tokens + mock.tokens
        usage = (
            f'{{"input_tokens":{call.prompt_tokens},"input_tokens_details":{{"cached_tokens":{call.cached.read},"cache_write_tokens":0}},'
            f'"output_tokens":{mock.tokens},"output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":{total}}}'
        )
        details = "null" if mock.complete else '{"reason":"max_output_tokens"}'
    limit = "null" if call.max_tokens is None else str(call.max_tokens)
    return (
        f'{{"id":"resp_{name}","object":"response","created_at":{CREATED},"status":"{status}","background":false,'
        f'"error":null,"incomplete_details":{details},"instructions":null,"max_output_tokens":{limit},"model":{model},'
        f'"output":[{output}],"parallel_tool_calls":true,"previous_response_id":null,'
        '"reasoning":{"effort":null,"summary":null},"service_tier":"default","store":true,"temperature":1.0,'
        '"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled",'
        f'"usage":{usage},"user":null,"metadata":{{}}}}'
    )


def _event(kind: str, number: int, rest: str) -> bytes:
    return f'event: {kind}\ndata: {{"type":"{kind}","sequence_number":{number},{rest}}}\n\n'.encode()


def _events(attempt_id: str, model: str, mock: MockAnswer, done: str) -> Events:
    name = _id(attempt_id)
    begun = f'"response":{_response(name, model, "in_progress", None, Call())}'
    begins = _event("response.created", 0, begun) + _event("response.in_progress", 1, begun)
    if mock.calls:
        numbers = count(2)
        tokens = _call_tokens(mock, numbers)
        return Events(
            begins, tokens, [Send(_event("response.completed", next(numbers), f'"response":{done}'), part="finish")]
        )
    at = f'"item_id":"msg_{name}","output_index":0,"content_index":0'
    status = "completed" if mock.complete else "incomplete"
    opening = b"".join(
        (
            begins,
            _event("response.output_item.added", 2, f'"output_index":0,"item":{_item(name, "in_progress", "")}'),
            _event("response.content_part.added", 3, f'{at},"part":{_part("")}'),
        )
    )
    tokens = [
        Send(_event("response.output_text.delta", 4 + place, f'{at},"delta":"{piece}","logprobs":[]'), piece)
        for place, piece in enumerate(mocked.pieces(attempt_id, mock.tokens))
    ]
    number = 4 + mock.tokens
    ends = (
        ("response.output_text.done", f'{at},"text":"{mock.text}","logprobs":[]'),
        ("response.content_part.done", f'{at},"part":{_part(mock.text)}'),
        ("response.output_item.done", f'"output_index":0,"item":{_item(name, status, _part(mock.text))}'),
        (f"response.{status}", f'"response":{done}'),
    )
    closing = [Send(_event(kind, number + place, rest), part="finish") for place, (kind, rest) in enumerate(ends)]
    return Events(opening, tokens, closing)


def _called(call: MockCall, *, begun: bool = False) -> str:
    """Return the item of a call; before its first piece it has no arguments."""
    status, arguments = ("in_progress", "") if begun else ("completed", escaped(call.arguments))
    return (
        f'{{"id":"fc_{call.digits}","type":"function_call","status":"{status}","arguments":"{arguments}",'
        f'"call_id":"call_{call.digits[:24]}","name":{quoted(call.name)}}}'
    )


def _call_tokens(mock: MockAnswer, numbers: Iterator[int]) -> list[Send]:
    """Return the tokens of a stream of calls; `numbers` gives those of its events."""
    ids = [f'"item_id":"fc_{call.digits}","output_index":{place}' for place, call in enumerate(mock.calls)]

    def begin(place: int, call: MockCall) -> bytes:
        rest = f'"output_index":{place},"item":{_called(call, begun=True)}'
        return _event("response.output_item.added", next(numbers), rest)

    def piece(place: int, text: str) -> bytes:
        return _event(_ARGUMENTS_DELTA, next(numbers), f'{ids[place]},"delta":"{escaped(text)}"')

    def end(place: int, call: MockCall) -> bytes:
        named = f'"name":{quoted(call.name)},"arguments":"{escaped(call.arguments)}"'
        done = _event("response.function_call_arguments.done", next(numbers), f"{ids[place]},{named}")
        item = f'"output_index":{place},"item":{_called(call)}'
        return done + _event("response.output_item.done", next(numbers), item)

    return call_tokens(mock.calls, begin=begin, piece=piece, end=end)


def error_events(refusal: Refusal, error: ChatError) -> bytes:
    """Return the events by which a stream ends in an error: the error itself, and the response that it leaves."""
    call = refusal.call
    message = common.named(error.message, call)
    sent = {
        "type": "error",
        "sequence_number": _SEQUENCE_LAST,
        "code": error.code or error.type,
        "message": message,
        "param": error.param,
    }
    failed = json.loads(_response(_id(refusal.attempt_id), quoted(call.model or ""), "failed", None, call))
    failed["error"] = {"code": error.code if error.code in _FAILURES else "server_error", "message": message}
    ended = {"type": "response.failed", "sequence_number": _SEQUENCE_LAST + 1, "response": failed}
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in (sent, ended))


def is_event(event: bytes) -> bool:
    """Return whether an event belongs to a response's stream."""
    return _EVENT.search(event) is not None


def is_body(body: bytes) -> bool:
    """Return whether a plain answer is a response."""
    return _BODY.search(body) is not None


def emptied(event: bytes) -> bytes:
    """Return one of the closing events without the text that it repeats."""
    data = wire.data_of(event)
    return wire.with_data(event, _emptied(data)) if _closes(data) else event


def filtered(event: bytes) -> bytes:
    """Return one of the closing events with a content filter as the reason for the end, and without text."""
    data = wire.data_of(event)
    if not _closes(data):
        return event
    data = _emptied(data)
    if "response" not in data:
        if "item" in data:
            data["item"]["status"] = "incomplete"
        return wire.with_data(event, data)
    for item in data["response"]["output"]:
        item["status"] = "incomplete"
    data["response"] |= {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    data["type"] = "response.incomplete"
    return wire.with_data(event, data, kind="response.incomplete")


def _closes(data: dict[str, Any]) -> bool:
    """Return whether it comes after an answer's last token."""
    if data.get("type") == "response.output_item.done":
        return wire.as_object(data.get("item")).get("type") == "message"
    return data.get("type") in _CLOSING


def _emptied(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a closing event without its text."""
    if "response" in data:
        response = wire.as_object(data["response"])
        return {
            **data,
            "response": {
                **response,
                "output": [
                    _blank(item) for item in wire.objects(response.get("output")) if item.get("type") != "function_call"
                ],
            },
        }
    if "item" in data:
        return {**data, "item": _blank(wire.as_object(data["item"]))}
    if "part" in data:
        return {**data, "part": {**wire.as_object(data["part"]), "text": ""}}
    return {**data, "text": ""}


def _blank(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type") != "message":
        return item
    return {**item, "content": [{**part, "text": ""} for part in wire.objects(item.get("content"))]}


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage."""
    return wire.without(event, "usage", "response")


def read_event(event: bytes) -> Send:
    """Return an event of a real stream as what it is. The closing events repeat the text, and count as no tokens."""
    data = wire.data_of(event)
    if data.get("type") in ("response.output_text.delta", _ARGUMENTS_DELTA):
        return Send(event, wire.text_of(data.get("delta")))
    return Send(event, part="finish" if _closes(data) else "")


def read_calls(event: bytes) -> CallPieces | None:
    """Return the pieces of calls."""
    data = wire.data_of(event)
    place = wire.count_of(data.get("output_index"))
    item = wire.as_object(data.get("item"))
    if data.get("type") == "response.output_item.added" and item.get("type") == "function_call":
        return CallPieces("", (_call(item)._replace(place=place),))
    if data.get("type") != _ARGUMENTS_DELTA:
        return None
    return CallPieces("", (ToolCall(arguments=wire.text_of(data.get("delta")), place=place),))


def _call(item: dict[str, Any]) -> ToolCall:
    return ToolCall(
        wire.text_of(item.get("name")), wire.text_of(item.get("arguments")), wire.text_of(item.get("call_id"))
    )


def read_finish(event: bytes) -> FinishReason | None:
    """Return why the answer ended."""
    response = wire.as_object(wire.data_of(event).get("response"))
    if response.get("status") == "completed":
        return "stop"
    reason = wire.as_object(response.get("incomplete_details")).get("reason")
    return _INCOMPLETE.get(reason) if isinstance(reason, str) else None


def read_usage(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    return wire.usage_in(event, "usage", "input_tokens", "output_tokens", "response")


def read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer."""
    data = wire.as_object(wire.load(body))
    if not is_success(status) or data.get("error"):
        return chat.parsed_error(data.get("error"))
    usage = wire.as_object(data.get("usage"))
    messages = [item for item in wire.objects(data.get("output")) if item.get("type") == "message"]
    return ParsedBody(
        "".join(wire.text_of(message.get("content")) for message in messages),
        wire.count_of(usage.get("input_tokens")),
        wire.count_of(usage.get("output_tokens")),
        calls=tuple(_call(item) for item in wire.objects(data.get("output")) if item.get("type") == "function_call"),
    )
