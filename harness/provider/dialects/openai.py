"""OpenAI's chat completions."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from harness.chain import Provider
from harness.provider import text as mocked
from harness.provider.answer import Answer, Call, Delay, Heard, Problem
from harness.provider.dialects import common
from harness.provider.dialects.common import CREATED, Said
from harness.provider.limit import Level, Quota
from harness.provider.reply import Headers, Send

BASE_PATH = "/v1"
KEEPALIVE = b": keep-alive\n\n"

_PATHS = frozenset({"/v1/chat/completions", "/chat/completions"})
_DOCS = "https://platform.openai.com/docs/guides/error-codes/api-errors"

DONE = b"data: [DONE]\n\n"

# What is wrong: type, param, code, message.
ERRORS: dict[Problem, tuple[str, str | None, str | None, str]] = {
    "rate_limit": ("requests", None, "rate_limit_exceeded", "Rate limit reached for requests per min (RPM)."),
    "quota": (
        "insufficient_quota",
        None,
        "insufficient_quota",
        (
            "You exceeded your current quota, please check your plan and billing details. "
            f"For more information on this error, read the docs: {_DOCS}."
        ),
    ),
    "spend_limit": (
        "insufficient_quota",
        None,
        "organization_spend_limit_exceeded",
        "Your organization has reached its enforced monthly spend limit.",
    ),
    "overloaded": (
        "server_error",
        None,
        "server_is_overloaded",
        "The engine is currently overloaded, please try again later.",
    ),
    "server_error": (
        "server_error",
        None,
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "unavailable": ("server_error", None, "server_is_overloaded", "The service is temporarily unavailable."),
    "timeout": ("server_error", None, "timeout", "Request timed out."),
    "context_length": (
        "invalid_request_error",
        "messages",
        "context_length_exceeded",
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. "
            "Please reduce the length of the messages."
        ),
    ),
    "content_filter": (
        "invalid_request_error",
        None,
        "content_policy_violation",
        "Your request was rejected as a result of our safety system.",
    ),
    "invalid_request": (
        "invalid_request_error",
        None,
        None,
        "We could not parse the JSON body of your request: a `model` and a list of `messages` are needed.",
    ),
    "auth": (
        "invalid_request_error",
        None,
        "invalid_api_key",
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    ),
    "permission": (
        "request_forbidden",
        None,
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    "not_found": (
        "invalid_request_error",
        None,
        "model_not_found",
        "The model does not exist or you do not have access to it.",
    ),
    "too_large": ("invalid_request_error", None, "request_too_large", "Request too large."),
    "unknown_path": ("invalid_request_error", None, "unknown_url", "Unknown request URL."),
}


def parse(method: str, path: str, body: bytes) -> Call:
    """Return the call; see `Dialect`."""
    if method != "POST" or path.partition("?")[0] not in _PATHS:
        return Call(problem="unknown_path")
    return common.read(body)


def succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a provider that is well; see `Dialect`."""
    spec = provider.reply
    said = common.say(spec, call, attempt_id)
    model = call.model or provider.model
    headers = (("x-request-id", f"req_{said.sha256[:32]}"), ("openai-version", "2020-10-01"))
    if call.streaming:
        opening, before, after, closing = events(model, said, call)
        tokens = [Send(before + piece.encode() + after, piece) for piece in mocked.pieces(attempt_id, said.tokens)]
        kind = ("content-type", "text/event-stream; charset=utf-8")
        reply = common.stream(spec, (kind, *headers), opening, tokens, closing)
    else:
        body = completion(model, said, call)
        reply = common.plain(spec, said.tokens, (("content-type", "application/json"), *headers), body, said.text)
    return Answer(
        reply=reply,
        text=said.text,
        text_sha256=said.sha256,
        tokens_in=call.prompt_tokens,
        tokens_out=said.tokens,
    )


def completion(model: str, said: Said, call: Call, extra: str = "", choice_extra: str = "") -> bytes:
    """Return the body of a whole answer. The text is made of letters, digits and a few signs: nothing to escape."""
    finish = "stop" if said.finish else "length"
    return (
        f'{{"id":"chatcmpl-{said.sha256[:29]}","object":"chat.completion","created":{CREATED},"model":{quoted(model)},'
        f'"choices":[{{"index":0,"message":{{"role":"assistant","content":"{said.text}","refusal":null,'
        f'"annotations":[]}},"logprobs":null,"finish_reason":"{finish}"{choice_extra}}}],"usage":{usage(said, call)},'
        f'"system_fingerprint":null{extra}}}'
    ).encode()


def events(model: str, said: Said, call: Call, choice_extra: str = "") -> tuple[bytes, bytes, bytes, list[Send]]:
    """Return a stream's opening event, what stands before and after each token, and the closing events."""
    head = (
        f'data: {{"id":"chatcmpl-{said.sha256[:29]}","object":"chat.completion.chunk","created":{CREATED},'
        f'"model":{quoted(model)},"system_fingerprint":null,'
    )
    tail = ',"usage":null}\n\n' if call.usage else "}\n\n"
    finish = "stop" if said.finish else "length"
    choice = f'{head}"choices":[{{"index":0,"delta":'
    opening = (
        f'{choice}{{"role":"assistant","content":"","refusal":null}},"logprobs":null,"finish_reason":null'
        f"{choice_extra}}}]{tail}"
    )
    before = f'{choice}{{"content":"'
    after = f'"}},"logprobs":null,"finish_reason":null{choice_extra}}}]{tail}'
    finished = f'{choice}{{}},"logprobs":null,"finish_reason":"{finish}"{choice_extra}}}]{tail}'
    closing = [Send(finished.encode(), part="finish")]
    if call.usage:
        closing.append(Send(f'{head}"choices":[],"usage":{usage(said, call)}}}\n\n'.encode(), part="usage"))
    closing.append(Send(DONE, part="done"))
    return opening.encode(), before.encode(), after.encode(), closing


def usage(said: Said, call: Call) -> str:
    """Return the usage block."""
    total = call.prompt_tokens + said.tokens
    return f'{{"prompt_tokens":{call.prompt_tokens},"completion_tokens":{said.tokens},"total_tokens":{total}}}'


@lru_cache(maxsize=64)
def quoted(model: str) -> str:
    """Return a model's name as JSON."""
    return json.dumps(model)


def fail(
    call: Call,
    attempt_id: str,
    *,
    status: int | None = None,
    problem: Problem | None = None,
    delay: Delay | None = None,
) -> Answer:
    """Return an error answer; see `Dialect`."""
    del call
    problem = problem or common.usual(status or 500)
    status = status or common.STATUS[problem]
    told = common.tell(delay, "seconds+ms")
    error = _error(problem, delay)
    headers = (("x-request-id", f"req_{common.name(attempt_id, 'error')}"), *told.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": error}),
        error_code=error["code"] or error["type"],
        retry_after_ns=told.ns,
    )


def _error(problem: Problem, delay: Delay | None = None) -> dict[str, Any]:
    kind, param, code, message = ERRORS[problem]
    if delay is not None:
        message += f" Please try again in {delay.ns / 1e9:g}s."
    return {"message": message, "type": kind, "param": param, "code": code}


def error_event(call: Call, attempt_id: str, problem: Problem) -> bytes:
    """Return the event by which a stream ends in an error; see `Dialect`."""
    del call, attempt_id
    return b"data: " + json.dumps({"error": _error(problem)}).encode() + b"\n\n"


def filtered(event: bytes) -> bytes:
    """Return an end that names the content filter; see `Dialect`."""
    return common.replaced(event, "finish_reason", "content_filter")


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage; see `Dialect`."""
    return common.without_usage(event)


def quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limits; see `Dialect`."""
    del wall_ns
    headers: list[tuple[str, str]] = []
    for name, level in (("requests", quota.requests), ("tokens", quota.tokens)):
        if level is not None:
            headers += _level(name, level)
    return tuple(headers)


def _level(name: str, level: Level) -> list[tuple[str, str]]:
    return [
        (f"x-ratelimit-limit-{name}", str(level.limit)),
        (f"x-ratelimit-remaining-{name}", str(level.remaining)),
        (f"x-ratelimit-reset-{name}", f"{level.reset_ns / 1e9:g}s"),
    ]


def authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key; see `Dialect`."""
    return ("authorization", f"Bearer {key}")


def read_event(event: bytes) -> Send:
    """Return an event of a real stream as what it is; see `Dialect`."""
    if event.startswith(b"data: [DONE]"):
        return Send(event, part="done")
    data = common.data_of(event)
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list):
        return Send(event)
    if not choices:
        return Send(event, part="usage" if data.get("usage") else "")
    choice = choices[0] if isinstance(choices[0], dict) else {}
    delta = choice.get("delta")
    content = delta.get("content") if isinstance(delta, dict) else None
    text = content if isinstance(content, str) else ""
    return Send(event, text, "finish" if choice.get("finish_reason") else "")


def read_body(status: int, body: bytes) -> Heard:
    """Return what a real plain answer says; see `Dialect`."""
    try:
        data = json.loads(body)
        if status >= 400:
            error = data["error"]
            return Heard(error_code=str(error.get("code") or error.get("type")))
        usage = data.get("usage") or {}
        text = data["choices"][0]["message"]["content"] or ""
        return Heard(text, usage.get("prompt_tokens"), usage.get("completion_tokens"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return Heard()
