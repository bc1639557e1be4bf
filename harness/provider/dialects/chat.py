"""OpenAI's chat completions, which several providers use: answers, streams, errors, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from harness.http_rules import is_success
from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Refusal
from harness.provider.dialects import common, delays, histories, wire
from harness.provider.dialects.common import CREATED, Events, MockAnswer, quoted
from harness.provider.dialects.declaration import FinishReasons, WrittenRequest
from harness.provider.dialects.prefixes import CachePrices, CacheUsage
from harness.provider.mocked_calls import MockCall, call_tokens, escaped
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider
from harness.provider.tools import CallPieces, ToolCall

KEEPALIVE = b": keep-alive\n\n"
LAST_EVENT = rb"data: ?\[DONE\]"
FINISH = FinishReasons(
    stop="stop", length="length", content_filter="content_filter", others={}, tool_calls="tool_calls"
)

CACHE_USAGE = CacheUsage(prices=CachePrices(read=0.5))

_DONE = Send(b"data: [DONE]\n\n", part="done")


class Flavour(NamedTuple):
    """Where a provider's answers differ from OpenAI's. Pieces of JSON begin with their comma.

    Attributes:
        id_prefix: What an answer's id begins with.
        every: Further fields of plain answers and of events.
        whole: Further fields of plain answers alone.
        choice: Further fields of a choice.
        opening: Sent before a stream's first event.
        usage_at_finish: Whether a stream's usage is in its last event with a choice, requested or not.
        null_usage: Whether the events before the usage have `usage: null`.
        call_prefix: What the id of a call of a tool begins with.
        call_digits: How many letters and digits follow.
        cached: How the usage reports cached tokens: `always`, `hits` (only where there are some), or `hits and misses` (DeepSeek's).
    """

    id_prefix: str = "chatcmpl-"
    every: str = ""
    whole: str = ""
    choice: str = ""
    opening: bytes = b""
    usage_at_finish: bool = False
    null_usage: bool = True
    call_prefix: str = "call_"
    call_digits: int = 24
    cached: Literal["always", "hits", "hits and misses"] = "hits"


def request(path: str, model: str, body: Mapping[str, Any]) -> WrittenRequest:
    """Return a chat completion as it is requested at a path. A stream is asked to report its usage: it is billed by that."""
    options = {"stream_options": {"include_usage": True}} if body["stream"] else {}
    return WrittenRequest(path, (), {**body, **options, "model": model})


def answer(
    provider: Provider, call: Call, attempt_id: str, mock: MockAnswer, *, headers: Headers, flavour: Flavour
) -> Answer:
    """Return the answer of a healthy provider."""
    spec = provider.reply
    model = quoted(call.model or provider.model)
    if not call.streaming:
        return common.plain(spec, mock, call, headers, _whole(model, mock, call, flavour))
    return common.stream(spec, mock, call, headers, _events(model, attempt_id, mock, call, flavour))


def _whole(model: str, mock: MockAnswer, call: Call, flavour: Flavour) -> bytes:
    finish = FINISH.word(complete=mock.complete, calls=mock.calls)
    content = (
        f'"content":null,"tool_calls":[{_called(mock.calls, flavour)}]' if mock.calls else f'"content":"{mock.text}"'
    )
    return (
        f'{{"id":"{flavour.id_prefix}{mock.sha256[:29]}","object":"chat.completion","created":{CREATED},'
        f'"model":{model},"choices":[{{"index":0,"message":{{"role":"assistant",{content},'
        f'"refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"{finish}"{flavour.choice}}}],'
        f'"usage":{_usage(mock, call, flavour)},"system_fingerprint":null{flavour.every}{flavour.whole}}}'
    ).encode()


def _events(model: str, attempt_id: str, mock: MockAnswer, call: Call, flavour: Flavour) -> Events:
    head = (
        f'data: {{"id":"{flavour.id_prefix}{mock.sha256[:29]}","object":"chat.completion.chunk","created":{CREATED},'
        f'"model":{model},"system_fingerprint":null{flavour.every},'
    )
    asked = call.usage and not flavour.usage_at_finish
    tail = ',"usage":null}\n\n' if asked and flavour.null_usage else "}\n\n"
    choice = f'{head}"choices":[{{"index":0,"delta":'
    rest = f'}},"logprobs":null,"finish_reason":null{flavour.choice}}}]{tail}'
    content = "null" if mock.calls else '""'
    opening = f'{choice}{{"role":"assistant","content":{content},"refusal":null{rest}'
    finish = FINISH.word(complete=mock.complete, calls=mock.calls)
    last = f',"usage":{_usage(mock, call, flavour)}}}\n\n' if flavour.usage_at_finish else tail
    finished = f'{choice}{{}},"logprobs":null,"finish_reason":"{finish}"{flavour.choice}}}]{last}'
    closing = [Send(finished.encode(), part="finish")]
    if asked:
        closing.append(Send(f'{head}"choices":[],"usage":{_usage(mock, call, flavour)}}}\n\n'.encode(), part="usage"))
    closing.append(_DONE)
    if mock.calls:
        tokens = _call_tokens(mock.calls, flavour, choice, rest)
    else:
        tokens = common.tokens_of(attempt_id, mock, f'{choice}{{"content":"'.encode(), f'"{rest}'.encode())
    return Events(flavour.opening + opening.encode(), tokens, closing)


def _called(calls: Sequence[MockCall], flavour: Flavour) -> str:
    """Return the calls of a plain answer."""
    return ",".join(f"{{{_call(call, flavour, escaped(call.arguments))}}}" for call in calls)


def _call(call: MockCall, flavour: Flavour, arguments: str) -> str:
    name = f"{flavour.call_prefix}{call.digits[: flavour.call_digits]}"
    return f'"id":"{name}","type":"function","function":{{"name":{quoted(call.name)},"arguments":"{arguments}"}}'


def _call_tokens(calls: Sequence[MockCall], flavour: Flavour, choice: str, rest: str) -> list[Send]:
    """Return the tokens of a stream of calls."""
    before = [
        f'{choice}{{"tool_calls":[{{"index":{place},"function":{{"arguments":"'.encode() for place in range(len(calls))
    ]
    after = f'"}}}}]{rest}'.encode()

    def begin(place: int, call: MockCall) -> bytes:
        return f'{choice}{{"tool_calls":[{{"index":{place},{_call(call, flavour, "")}}}]{rest}'.encode()

    def piece(place: int, text: str) -> bytes:
        return before[place] + escaped(text).encode() + after

    return call_tokens(calls, begin=begin, piece=piece)


def _usage(mock: MockAnswer, call: Call, flavour: Flavour) -> str:
    tokens_in = call.prompt_tokens
    total = tokens_in + mock.tokens
    if call.prefixes or flavour.cached == "hits and misses":
        cached = _cached(call, flavour)
    else:
        cached = _NONE_CACHED if flavour.cached == "always" else ""
    return f'{{"prompt_tokens":{tokens_in},"completion_tokens":{mock.tokens},"total_tokens":{total}{cached}}}'


_NONE_CACHED = ',"prompt_tokens_details":{"cached_tokens":0}'


def _cached(call: Call, flavour: Flavour) -> str:
    """Return the fields of the cached tokens."""
    read = call.cached.read
    cached = f',"prompt_tokens_details":{{"cached_tokens":{read}}}' if read or flavour.cached != "hits" else ""
    if flavour.cached == "hits and misses":
        cached += f',"prompt_cache_hit_tokens":{read},"prompt_cache_miss_tokens":{call.prompt_tokens - read}'
    return cached


class ChatError(NamedTuple):
    """An error in OpenAI's words.

    Attributes:
        type: Its kind.
        code: Distinguishes it from others of its kind; None if nothing does.
        message: For people; `{model}` is replaced by the requested model.
        param: The field that is wrong; None if it is not a field.
    """

    type: str | None
    code: str | None
    message: str
    param: str | None = None

    def body(self, message: str) -> dict[str, Any]:
        """Return it as it is sent under `error`, with its message filled in."""
        return {"message": message, "type": self.type, "param": self.param, "code": self.code}


def stated(error: ChatError, refusal: Refusal) -> ChatError:
    """Return an error with the words of the rule that the call breaks, if it is refused for that."""
    broken = refusal.violation
    if broken is None:
        return error
    return ChatError(broken.type or "invalid_request_error", broken.code, broken.message, broken.param)


def error_event(body: dict[str, Any]) -> bytes:
    """Return the event by which a stream ends in an error."""
    return b"data: " + json.dumps({"error": body}).encode() + b"\n\n"


def filtered(event: bytes) -> bytes:
    """Return an end that names the content filter."""
    data = wire.data_of(event)
    ended = [choice for choice in wire.objects(data.get("choices")) if choice.get("finish_reason")]
    for choice in ended:
        choice["finish_reason"] = FINISH.content_filter
    return wire.with_data(event, data) if ended else event


def emptied(event: bytes) -> bytes:
    """Return an end without text."""
    data = wire.data_of(event)
    deltas = [wire.as_object(choice.get("delta")) for choice in wire.objects(data.get("choices"))]
    full = [delta for delta in deltas if delta.get("content")]
    for delta in full:
        delta["content"] = ""
    return wire.with_data(event, data) if full else event


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage."""
    kept = wire.without(event, "usage")
    return b"" if kept != event and wire.data_of(kept).get("choices") == [] else kept


def authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key."""
    return ("authorization", f"Bearer {key}")


def read_event(event: bytes) -> Send:
    """Return an event with its text and its role."""
    raw = wire.bytes_of(event)
    if raw == b"[DONE]":
        return Send(event, part="done")
    data = wire.as_object(wire.load(raw))
    choice = next(iter(wire.objects(data.get("choices"))), {})
    delta = wire.as_object(choice.get("delta"))
    text = wire.text_of(delta.get("content"))
    if delta.get("tool_calls"):
        text += "".join(piece.arguments for piece in calls_of(delta))
    if choice.get("finish_reason"):
        return Send(event, text, "finish")
    return Send(event, text, "usage" if data.get("usage") and not text else "")


def read_calls(event: bytes) -> CallPieces | None:
    """Return the pieces of calls."""
    if b'"tool_calls"' not in event:
        return None
    choice = next(iter(wire.objects(wire.data_of(event).get("choices"))), {})
    delta = wire.as_object(choice.get("delta"))
    calls = tuple(calls_of(delta))
    return CallPieces(wire.text_of(delta.get("content")), calls) if calls else None


def calls_of(holder: Mapping[str, Any]) -> Iterator[ToolCall]:
    """Give the calls of a message, or the pieces of calls of an event."""
    for data in wire.objects(holder.get("tool_calls")):
        function = wire.as_object(data.get("function"))
        name, arguments = wire.text_of(function.get("name")), function.get("arguments")
        text = histories.dumped(arguments) if isinstance(arguments, dict) else wire.text_of(arguments)
        yield ToolCall(name, text, wire.text_of(data.get("id")), wire.count_of(data.get("index")))


def read_finish(event: bytes) -> FinishReason | None:
    """Return why the answer ended."""
    choice = next(iter(wire.objects(wire.data_of(event).get("choices"))), {})
    return FINISH.read(choice.get("finish_reason"))


def read_usage(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    return wire.usage_in(event, "usage", "prompt_tokens", "completion_tokens")


def read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer."""
    data = wire.as_object(wire.load(body))
    if not is_success(status) or data.get("error"):
        return parsed_error(data.get("error"))
    choice = next(iter(wire.objects(data.get("choices"))), {})
    usage = wire.as_object(data.get("usage"))
    message = wire.as_object(choice.get("message"))
    return ParsedBody(
        wire.text_of(message.get("content")),
        wire.count_of(usage.get("prompt_tokens")),
        wire.count_of(usage.get("completion_tokens")),
        finish=FINISH.read(choice.get("finish_reason")),
        calls=tuple(calls_of(message)),
    )


def parsed_error(value: Any) -> ParsedBody:
    """Return the content of what is under `error`."""
    error = wire.as_object(value)
    return ParsedBody(
        error_code=wire.code_of(error.get("code"), error.get("type")),
        retry_after_ns=delays.in_words(error.get("message")),
    )
