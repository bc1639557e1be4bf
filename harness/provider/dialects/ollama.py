"""Ollama: `/api/generate` and `/api/chat`, whose streams are lines of JSON, and whose errors are mere sentences.

LiteLLM calls the first `ollama`, the second `ollama_chat`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from harness.http_rules import is_success
from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Problem, Refusal
from harness.provider.dialects import calls, chat, common, delays, embeddings, histories, ollama_embeddings, wire
from harness.provider.dialects.common import Events, MockAnswer, quoted
from harness.provider.dialects.declaration import Dialect, FinishReasons, LiteLLMNames, WrittenRequest
from harness.provider.dialects.delays import NOTHING, SentDelay
from harness.provider.dialects.framing import LINES
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider, ReplySpec
from harness.provider.tools import CallPieces

_CREATED = '"created_at":"2026-01-01T00:00:00Z"'
_LAST_EVENT = rb'[^\n]*[{,] ?"done": ?true'
_COUNTS = ("prompt_eval_count", "eval_count")
_FINISH = FinishReasons(stop="stop", length="length", content_filter="content_filter", others={})
"""Ollama has no content filter; the word is that of the proxies in front of it."""

_NAME = re.compile(r"'.*'|\".*\"")


class _Error(NamedTuple):
    """An error: the words of its message by which it is known, and the message."""

    words: str
    message: str


_ERRORS = common.for_every_problem(
    {
        # https://github.com/ollama/ollama/blob/main/server/routes.go and sched.go; those about an account are of ollama.com:
        # https://github.com/NousResearch/hermes-agent/pull/68832 and https://github.com/ollama/ollama/issues/17639
        "rate_limit": _Error("too many concurrent requests", "too many concurrent requests"),
        "quota": _Error(
            "usage limit",
            "you (mock) have reached your weekly usage limit, upgrade for higher limits: https://ollama.com/upgrade",
        ),
        "spend_limit": _Error(
            "extra usage balance is empty",
            "this model uses extra usage only (not included plan usage) and your extra usage balance is empty",
        ),
        "overloaded": _Error("server busy", "server busy, please try again.  maximum pending requests exceeded"),
        "server_error": _Error(
            "model runner has unexpectedly stopped",
            "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
            "check ollama server logs for details",
        ),
        "unavailable": _Error("service temporarily unavailable", "Service Temporarily Unavailable"),
        "timeout": _Error("timed out", "timed out waiting for llama runner to start - progress 0.00 - "),
        "context_length": _Error("context length", "the input length exceeds the context length"),
        "content_filter": _Error("content filter", "the prompt was blocked by a content filter"),
        "invalid_request": _Error("missing request body", "missing request body"),
        "auth": _Error("unauthorized", "unauthorized"),
        "permission": _Error(
            "requires a subscription",
            "this model requires a subscription, upgrade for access: https://ollama.com/upgrade",
        ),
        "not_found": _Error("not found", "model '{model}' not found"),
        "too_large": _Error("request body too large", "http: request body too large"),
        "unknown_path": _Error("page not found", "404 page not found"),
    }
)
_STATUSES: Mapping[Problem, int] = {"spend_limit": 402, "timeout": 500}
"""Those that are unusual: whatever keeps a model from being loaded is a server error, its timeout too."""
_WORDS = sorted({error.words for error in _ERRORS.values()}, key=len, reverse=True)


class _OllamaApi(NamedTuple):
    """One of the two ways to ask.

    Attributes:
        name: Of the dialect, and LiteLLM's.
        path: Of the call.
        fields: Of the call.
        before: What an answer has before its text.
        after: What it has after it.
    """

    name: str
    path: str
    fields: calls.Fields
    before: str
    after: str


_GENERATE = _OllamaApi(
    "ollama",
    "/api/generate",
    calls.Fields(prompt="prompt", texts=True, limits=("num_predict",)),
    '"response":"',
    '"',
)
_CHAT = _OllamaApi(
    "ollama_chat",
    "/api/chat",
    calls.Fields(limits=("num_predict",)),
    '"message":{"role":"assistant","content":"',
    '"}',
)


def _request(api: _OllamaApi, model: str, body: Mapping[str, Any]) -> WrittenRequest:
    """Return a chat completion as Ollama is asked for it."""
    asked: dict[str, Any] = {"model": model, "stream": body["stream"]}
    if api is _CHAT:
        asked["messages"] = [_message(message) for message in body["messages"]]
        if body.get("tools"):
            asked["tools"] = body["tools"]
    else:
        system, messages = calls.split_system(body)
        asked["prompt"] = "\n".join(str(message["content"]) for message in messages)
        if system:
            asked["system"] = system
    if body.get("max_tokens"):
        asked["options"] = {"num_predict": body["max_tokens"]}
    return WrittenRequest(api.path, (), asked)


def _message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message of OpenAI's as Ollama takes it: the arguments of its calls are objects."""
    made = [
        {"function": {"name": call.name, "arguments": histories.arguments(call)}} for call in chat.calls_of(message)
    ]
    return {**message, "content": wire.text_of(message.get("content")), "tool_calls": made} if made else message


def _parse(api: _OllamaApi, method: str, path: str, body: bytes) -> Call:
    """Return the call. It asks for a stream unless it says that it does not."""
    bare = path.partition("?")[0]
    if method == "POST" and bare in (ollama_embeddings.PATH, ollama_embeddings.OLD_PATH):
        return ollama_embeddings.parse(bare, body)
    if method != "POST" or bare != api.path:
        return Call(problem="unknown_path")
    data = calls.load(body)
    if data is None or (api is _GENERATE and not isinstance(data.get("prompt"), str)):
        return Call(problem="invalid_request")
    limit = wire.as_object(data.get("options")).get("num_predict")
    call = calls.understood({**data, "num_predict": limit}, None, api.fields)
    return call._replace(streaming=data.get("stream") is not False, usage=True)


def _succeed(api: _OllamaApi, provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    spec = provider.reply
    mock = common.mock_answer(spec, call, attempt_id)
    model = quoted(call.model or provider.model)
    if call.api == embeddings.API:
        return common.plain(spec, mock, call, (), ollama_embeddings.answer(model, spec.ttft, mock, call))
    before = f'{{"model":{model},{_CREATED},{api.before}'
    end = f"{api.after},{_end(spec, call, mock)}}}"
    if not call.streaming:
        return common.plain(spec, mock, call, (), f"{before}{mock.text}{end}".encode())
    tokens = common.tokens_of(attempt_id, mock, before.encode(), f'{api.after},"done":false}}\n'.encode())
    closing = [Send(f"{before}{end}\n".encode(), part="finish")]
    return common.stream(spec, mock, call, (), Events(b"", tokens, closing, LINES.media_type))


def _end(spec: ReplySpec, call: Call, mock: MockAnswer) -> str:
    """Return what an answer's end says: why, how many tokens, and how long they took, in nanoseconds."""
    generated_ns = round((mock.tokens - 1) * 1e9 / spec.tokens_per_second) if spec.tokens_per_second else 0
    return (
        f'"done":true,"done_reason":"{_FINISH.word(complete=mock.complete)}","total_duration":{spec.ttft + generated_ns},'
        f'"load_duration":0,"prompt_eval_count":{call.prompt_tokens},"prompt_eval_duration":{spec.ttft},'
        f'"eval_count":{mock.tokens},"eval_duration":{generated_ns}'
    )


def _fail(refusal: Refusal) -> Answer:
    """Return an error answer."""
    status, problem = common.failing(refusal, _STATUSES)
    sent = delays.sent(refusal.delay, "seconds")
    body = _body(refusal.call, problem, sent)
    return Answer(
        reply=common.failure(status, sent.headers, body),
        error_code=_code(body["error"]),
        retry_after_ns=sent.ns,
    )


def _body(call: Call, problem: Problem, sent: SentDelay) -> dict[str, str]:
    return {"error": delays.with_words(common.named(_ERRORS[problem].message, call), sent)}


def _error_event(refusal: Refusal) -> bytes:
    """Return the line by which a stream ends in an error."""
    _status, problem = common.failing(refusal)
    return _line(_body(refusal.call, problem, NOTHING))


def _code(message: object) -> str | None:
    """Return the known words of an error's message, for it has no code; a model's name is none of them."""
    if not isinstance(message, str):
        return None
    words = _NAME.sub("", message).lower()
    return next((known.replace(" ", "_") for known in _WORDS if known in words), None)


def _data(event: bytes) -> dict[str, Any]:
    return wire.as_object(wire.load(event))


def _line(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def _text(data: Mapping[str, Any]) -> str:
    """Return an answer's text; thoughts are not part of it."""
    return wire.text_of(data.get("response")) or wire.text_of(wire.as_object(data.get("message")).get("content"))


def _filtered(event: bytes) -> bytes:
    """Return an end that names a content filter."""
    data = _data(event)
    return _line({**data, "done_reason": _FINISH.content_filter}) if data.get("done") is True else event


def _emptied(event: bytes) -> bytes:
    """Return an end without text."""
    data = _data(event)
    if not _text(data):
        return event
    emptied = (
        {"response": ""} if "response" in data else {"message": {**wire.as_object(data["message"]), "content": ""}}
    )
    return _line({**data, **emptied})


def _without_usage(event: bytes) -> bytes:
    """Return an event without its usage."""
    data = _data(event)
    kept = {key: value for key, value in data.items() if key not in _COUNTS}
    return event if kept == data else _line(kept)


def _quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return nothing: its limits are in its errors alone."""
    del quota, wall_ns
    return ()


def _read_event(event: bytes) -> Send:
    """Return an event of a real stream as what it is."""
    data = _data(event)
    called = "".join(call.text for call in chat.calls_of(wire.as_object(data.get("message"))))
    return Send(event, _text(data) + called, "finish" if data.get("done") is True else "")


def _read_calls(event: bytes) -> CallPieces | None:
    """Return the calls; each is whole."""
    if b'"tool_calls"' not in event:
        return None
    data = _data(event)
    called = tuple(call._replace(place=None) for call in chat.calls_of(wire.as_object(data.get("message"))))
    return CallPieces(_text(data), called) if called else None


def _finish(data: Mapping[str, Any]) -> FinishReason | None:
    """Return why an answer ended; old servers give no reason."""
    return (_FINISH.read(data.get("done_reason")) or "stop") if data.get("done") is True else None


def _read_finish(event: bytes) -> FinishReason | None:
    """Return why the answer ended."""
    return _finish(_data(event))


def _read_usage(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    if b'"eval_count"' not in event and b'"prompt_eval_count"' not in event:
        return None, None
    return _usage(_data(event))


def _usage(data: Mapping[str, Any]) -> tuple[int | None, int | None]:
    tokens_in, tokens_out = (wire.count_of(data.get(name)) for name in _COUNTS)
    return tokens_in, tokens_out


def _read_error(event: bytes) -> ParsedBody | None:
    """Return the error by which a line ends a stream."""
    if b'"error"' not in event or not _data(event).get("error"):
        return None
    return _read_body(500, event)


def _read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer."""
    data = _data(body)
    error = data.get("error")
    if not is_success(status) or error:
        return ParsedBody(error_code=_code(error), retry_after_ns=delays.in_words(error))
    called = tuple(chat.calls_of(wire.as_object(data.get("message"))))
    return ParsedBody(_text(data), *_usage(data), finish=_finish(data), calls=called)


def _declared(api: _OllamaApi) -> Dialect:
    return Dialect(
        name=api.name,
        base_path="",
        framing=LINES,
        keepalive=f'{{"model":"",{_CREATED},{api.before}{api.after},"done":false}}\n'.encode(),
        last_event=_LAST_EVENT,
        error_header=None,
        models="/api/tags",
        request=partial(_request, api),
        authorize=chat.authorize,
        parse=partial(_parse, api),
        succeed=partial(_succeed, api),
        fail=_fail,
        error_event=_error_event,
        filtered=_filtered,
        emptied=_emptied,
        without_usage=_without_usage,
        quota_headers=_quota_headers,
        read_event=_read_event,
        read_calls=_read_calls,
        read_finish=_read_finish,
        read_usage=_read_usage,
        read_error=_read_error,
        read_body=_read_body,
        is_answer=wire.is_answer,
        embed=ollama_embeddings.FORM,
        litellm=LiteLLMNames(
            provider=api.name,
            path="",
            key_variables=("OLLAMA_API_KEY",),
            families=None,
            takes_unknown=False,
            model=str,
            addresses=(),
            defaults={},
            home="http://localhost:11434",
            asks_about_models=True,
        ),
        openai_client=None,
        sdk="OLLAMA_HOST={address}",
        of_vendor=None,
        cache_usage=None,
    )


OLLAMA = _declared(_GENERATE)
OLLAMA_CHAT = _declared(_CHAT)
