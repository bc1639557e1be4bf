"""AWS Bedrock's runtime: Converse, which is the same for all models, and InvokeModel, which is not.

The address names the model and asks for a stream. Streams are AWS's events, and errors are named by a header. Signatures are
taken and not checked, and the region is in the host's name, which a mocked provider does not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from harness.http_rules import is_success
from harness.provider import text as mocked
from harness.provider.answer import Answer, Call, ParsedBody
from harness.provider.dialects import (
    bedrock_embeddings,
    bedrock_errors,
    bedrock_events,
    bedrock_invoke,
    calls,
    common,
    embeddings,
    histories,
    offers,
    prefixes,
    turn_rules,
    wire,
)
from harness.provider.dialects.aws_events import AWS_EVENTS
from harness.provider.dialects.bedrock_events import CHUNK, FINISH, event_of
from harness.provider.dialects.bedrock_invoke import BORROWED, METRICS, Data
from harness.provider.dialects.common import Events, MockAnswer
from harness.provider.dialects.declaration import Dialect, LiteLLMNames, WrittenRequest
from harness.provider.dialects.prefixes import CachePrices, CacheUsage
from harness.provider.limit import Quota
from harness.provider.mocked_calls import MockCall, call_tokens
from harness.provider.reply import Head, Headers, Send, Step
from harness.provider.spec import Provider, ReplySpec

_PATH = re.compile(r"/model/(.{1,600})/(converse|converse-stream|invoke|invoke-with-response-stream)")
_STREAMING = frozenset(("converse-stream", "invoke-with-response-stream"))
_FIELDS = calls.Fields(limits=("maxTokens",), caching=prefixes.OF_CLAUDE)


def _request(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    """Return a chat completion as Converse is asked for it."""
    system, messages = calls.split_system(body)
    asked: Data = {"messages": histories.converse_messages(messages), **histories.converse(body)}
    if system:
        asked["system"] = [{"text": system}]
    if body.get("max_tokens"):
        asked["inferenceConfig"] = {"maxTokens": body["max_tokens"]}
    method = "converse-stream" if body["stream"] else "converse"
    return WrittenRequest(f"/model/{quote(model, safe='')}/{method}", (), asked)


def _parse(method: str, path: str, body: bytes) -> Call:
    """Return the call. A model's name may be an ARN, its slashes and colons escaped or not."""
    match = _PATH.fullmatch(path.partition("?")[0])
    if method != "POST" or match is None:
        return Call(problem="unknown_path")
    model, how = unquote(match[1]), match[2]
    data = calls.load(body)
    if data is None:
        return Call(problem="invalid_request")
    if how == "invoke" and (embedding := bedrock_embeddings.parse(model, data)) is not None:
        return embedding
    if how.startswith("invoke") and (api := bedrock_invoke.api_of(model, data)) != "nova":
        call = bedrock_invoke.parse(model, data)
    else:
        api = "nova" if how.startswith("invoke") else ""
        config = wire.as_object(data.get("inferenceConfig"))
        limit = config.get("maxTokens", config.get("max_new_tokens"))
        asked = {
            "messages": data.get("messages"),
            "system": data.get("system"),
            "maxTokens": limit,
            "tools": data.get("toolConfig"),
        }
        call = calls.understood(asked, model, _FIELDS)._replace(
            tools=offers.of_converse(data), violation=turn_rules.of_converse(data)
        )
    return call._replace(streaming=how in _STREAMING, usage=True, api=api)


def _succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    if call.api in BORROWED:
        return _of_another(BORROWED[call.api].succeed(provider, call._replace(api=""), attempt_id), call)
    spec = provider.reply
    mock = common.mock_answer(spec, call, attempt_id)
    headers = _identified(mock.sha256)
    if call.api == embeddings.API:
        headers = (*headers, _counted(call, 0)[0])
        return common.plain(spec, mock, call, headers, bedrock_embeddings.answer(mock, call))
    if not call.streaming:
        data = bedrock_invoke.plain(mock, call) if call.api in bedrock_invoke.PROMPTS else _message(spec, mock, call)
        counted = _counted(call, mock.tokens) if call.api else ()
        return common.plain(spec, mock, call, (*headers, *counted), json.dumps(data).encode())
    if call.api in bedrock_invoke.PROMPTS:
        events = _prompt_events(attempt_id, mock, call)
    else:
        events = _converse_events(attempt_id, spec, mock, call)
    return common.stream(spec, mock, call, headers, events)


def _identified(digits: str) -> Headers:
    return (("x-amzn-requestid", common.uuid(digits)),)


def _counted(call: Call, tokens_out: int) -> Headers:
    """Return the headers with the usage of a plain answer of InvokeModel."""
    counts = [("input", call.fresh_tokens), ("output", tokens_out)]
    if call.prefixes:
        counts += [("cache-read-input", call.cached.read), ("cache-write-input", call.cached.written)]
    return tuple((f"x-amzn-bedrock-{name}-token-count", str(count)) for name, count in counts)


def _message(spec: ReplySpec, mock: MockAnswer, call: Call) -> Data:
    content = [_block(call, json.loads(call.arguments)) for call in mock.calls] or [{"text": mock.text}]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": FINISH.word(complete=mock.complete, calls=mock.calls),
        **_metadata(spec, mock, call),
    }


def _metadata(spec: ReplySpec, mock: MockAnswer, call: Call) -> Data:
    usage = {"inputTokens": call.fresh_tokens, "outputTokens": mock.tokens}
    if call.prefixes:
        usage |= {"cacheReadInputTokens": call.cached.read, "cacheWriteInputTokens": call.cached.written}
    generated_ms = mock.tokens / spec.tokens_per_second * 1000 if spec.tokens_per_second else 0
    latency_ms = round(spec.ttft / 1e6 + generated_ms)
    return {
        "usage": {**usage, "totalTokens": call.prompt_tokens + mock.tokens},
        "metrics": {"latencyMs": latency_ms},
    }


def _converse_events(attempt_id: str, spec: ReplySpec, mock: MockAnswer, call: Call) -> Events:
    wrapped = bool(call.api)

    def delta(text: str) -> bytes:
        return event_of("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}, wrapped=wrapped)

    opening = event_of("messageStart", {"role": "assistant"}, wrapped=wrapped)
    reason = {"stopReason": FINISH.word(complete=mock.complete, calls=mock.calls)}
    metadata = _metadata(spec, mock, call)
    if wrapped:
        metadata[METRICS] = bedrock_invoke.metrics(call, mock.tokens)
    closing = [
        Send(event_of("messageStop", reason, wrapped=wrapped), part="finish"),
        Send(event_of("metadata", metadata, wrapped=wrapped), part="usage"),
    ]
    if mock.calls:
        return Events(opening, _call_tokens(mock, wrapped=wrapped), closing, AWS_EVENTS.media_type)
    closing.insert(0, Send(event_of("contentBlockStop", {"contentBlockIndex": 0}, wrapped=wrapped)))
    return Events(opening, _tokens(attempt_id, mock, delta), closing, AWS_EVENTS.media_type)


def _block(call: MockCall, arguments: Data | None = None) -> Data:
    """Return a call; in a stream its input comes in pieces."""
    block: Data = {"toolUseId": f"tooluse_{call.digits[:22]}", "name": call.name}
    return {"toolUse": block if arguments is None else {**block, "input": arguments}}


def _call_tokens(mock: MockAnswer, *, wrapped: bool) -> list[Send]:
    """Return the tokens of a stream of calls."""

    def begin(place: int, call: MockCall) -> bytes:
        return event_of("contentBlockStart", {"contentBlockIndex": place, "start": _block(call)}, wrapped=wrapped)

    def piece(place: int, text: str) -> bytes:
        data = {"contentBlockIndex": place, "delta": {"toolUse": {"input": text}}}
        return event_of("contentBlockDelta", data, wrapped=wrapped)

    def end(place: int, _call: MockCall) -> bytes:
        return event_of("contentBlockStop", {"contentBlockIndex": place}, wrapped=wrapped)

    return call_tokens(mock.calls, begin=begin, piece=piece, end=end)


def _prompt_events(attempt_id: str, mock: MockAnswer, call: Call) -> Events:
    def token(text: str) -> bytes:
        return event_of(CHUNK, bedrock_invoke.event(call, text), wrapped=True)

    last = Send(event_of(CHUNK, bedrock_invoke.last_event(mock, call), wrapped=True), part="finish")
    return Events(b"", _tokens(attempt_id, mock, token), [last], AWS_EVENTS.media_type)


def _tokens(attempt_id: str, mock: MockAnswer, event: Callable[[str], bytes]) -> list[Send]:
    return [Send(event(piece), piece) for piece in mocked.pieces(attempt_id, mock.tokens)]


def _of_another(answer: Answer, call: Call) -> Answer:
    """Return another dialect's answer as InvokeModel passes it on."""
    assert answer.text_sha256 is not None
    assert answer.tokens_out is not None
    headers = _identified(answer.text_sha256)
    kind = AWS_EVENTS.media_type if call.streaming else "application/json"
    reply: list[Step] = []
    for step in answer.reply:
        if isinstance(step, Head):
            length = tuple(pair for pair in step.headers if pair[0] == "content-length")
            counted = () if call.streaming else _counted(call, answer.tokens_out)
            reply.append(Head(step.status, (("content-type", kind), *headers, *counted, *length)))
        elif isinstance(step, Send) and call.streaming:
            metrics = bedrock_invoke.metrics(call, answer.tokens_out)
            data = b"".join(_chunks(step.data, call.api, metrics))
            reply += [Send(data, step.text, step.part)] if data else []
        else:
            reply.append(step)
    return answer._replace(reply=reply)


def _chunks(events: bytes, api: str, metrics: Data) -> Iterator[bytes]:
    for event in BORROWED[api].framing.events(events):
        data = wire.data_of(event)
        if data.get("type") == "message_stop" or (api == "openai" and data.get("usage")):
            data[METRICS] = metrics
        if data:
            yield event_of(CHUNK, data, wrapped=True)


def _read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer. An error's code is in a header."""
    data = wire.as_object(wire.load(body))
    if not is_success(status) or bedrock_errors.is_error(data):
        return bedrock_errors.read(data)
    if other := bedrock_invoke.borrowed_of(data):
        return other.read_body(status, body)
    if "output" not in data:
        tokens = bedrock_invoke.read_usage(data)
        return ParsedBody(bedrock_invoke.read_text(data), *tokens, finish=bedrock_invoke.read_finish(data))
    message = wire.as_object(wire.as_object(data["output"]).get("message"))
    usage = wire.as_object(data.get("usage"))
    return ParsedBody(
        wire.text_of(message.get("content")),
        wire.count_of(usage.get("inputTokens")),
        wire.count_of(usage.get("outputTokens")),
        finish=FINISH.read(data.get("stopReason")),
        calls=tuple(
            bedrock_events.call_of(block) for block in wire.objects(message.get("content")) if "toolUse" in block
        ),
    )


def _is_answer(body: bytes) -> bool:
    """Return whether the body of a success is an answer: JSON that is no error of AWS's."""
    data = wire.load(body)
    return data is not None and not bedrock_errors.is_error(wire.as_object(data))


def _quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return nothing: Bedrock sends no headers about its limits."""
    del quota, wall_ns
    return ()


def _authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key of Bedrock's."""
    return ("authorization", f"Bearer {key}")


_DUMMY = "no-key"
"""Signs calls in the place of credentials that LiteLLM would look for in a profile, at a login service or at the machine."""
_FAMILIES = (
    r"(?:[a-z-]{2,6}\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|meta|minimax|mistral|moonshotai|openai|qwen|twelvelabs|writer|zai)\."
)
_ROUTE = re.compile(
    r"(?:bedrock/)?(?:converse/|invoke/|converse_like/)?(?:[a-z]{2,4}(?:-[a-z]+)+-\d/)?(?:nova(?:-2)?/)?"
)


def _model(name: str) -> str:
    """Return a model's id without what LiteLLM puts before it: a route, a region, the family of an imported model."""
    return _ROUTE.sub("", name, count=1) or name


BEDROCK = Dialect(
    name="bedrock",
    base_path="",
    framing=AWS_EVENTS,
    keepalive=bedrock_events.KEEPALIVE,
    last_event=None,
    error_header=bedrock_errors.HEADER,
    models=None,
    request=_request,
    authorize=_authorize,
    parse=_parse,
    succeed=_succeed,
    fail=bedrock_errors.fail,
    error_event=bedrock_errors.error_event,
    filtered=bedrock_events.filtered,
    emptied=bedrock_events.emptied,
    without_usage=bedrock_events.without_usage,
    quota_headers=_quota_headers,
    read_event=bedrock_events.read_event,
    read_calls=bedrock_events.read_calls,
    read_finish=bedrock_events.read_finish,
    read_usage=bedrock_events.read_usage,
    read_error=bedrock_events.read_error,
    read_body=_read_body,
    is_answer=_is_answer,
    embed=bedrock_embeddings.FORM,
    litellm=LiteLLMNames(
        provider="bedrock",
        path="",
        key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
        families=_FAMILIES,
        takes_unknown=False,
        model=_model,
        addresses=("aws_bedrock_runtime_endpoint",),
        defaults={
            "aws_access_key_id": _DUMMY,
            "aws_secret_access_key": _DUMMY,
            "aws_region_name": "us-east-1",
        },
        home="https://bedrock-runtime.{aws_region_name}.amazonaws.com",
        packages=("boto3",),
    ),
    openai_client=None,
    sdk="AWS_ENDPOINT_URL_BEDROCK_RUNTIME={address}",
    of_vendor=None,
    cache_usage=CacheUsage(prices=CachePrices(read=0.1, write=1.25), read=bedrock_events.read_cached),
)
