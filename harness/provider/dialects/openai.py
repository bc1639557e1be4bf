"""OpenAI's chat completions."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from harness.chain import Provider
from harness.provider import text as mocked
from harness.provider.answer import Answer, Call, Problem
from harness.provider.dialects import common
from harness.provider.dialects.common import CREATED, Said
from harness.provider.reply import Send

_PATHS = frozenset({"/v1/chat/completions", "/chat/completions"})
_DOCS = "https://platform.openai.com/docs/guides/error-codes/api-errors"

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


def events(model: str, said: Said, call: Call, choice_extra: str = "") -> tuple[bytes, bytes, bytes, bytes]:
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
    closing = f'{choice}{{}},"logprobs":null,"finish_reason":"{finish}"{choice_extra}}}]{tail}'
    if call.usage:
        closing += f'{head}"choices":[],"usage":{usage(said, call)}}}\n\n'
    closing += "data: [DONE]\n\n"
    return opening.encode(), before.encode(), after.encode(), closing.encode()


def usage(said: Said, call: Call) -> str:
    """Return the usage block."""
    total = call.prompt_tokens + said.tokens
    return f'{{"prompt_tokens":{call.prompt_tokens},"completion_tokens":{said.tokens},"total_tokens":{total}}}'


@lru_cache(maxsize=64)
def quoted(model: str) -> str:
    """Return a model's name as JSON."""
    return json.dumps(model)


def fail(
    attempt_id: str, *, status: int | None = None, problem: Problem | None = None, retry_after_ns: int | None
) -> Answer:
    """Return an error answer; see `Dialect`."""
    problem = problem or common.usual(status or 500)
    status = status or common.STATUS[problem]
    kind, param, code, message = ERRORS[problem]
    if retry_after_ns is not None:
        message += f" Please try again in {retry_after_ns / 1e9:g}s."
    body: dict[str, Any] = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    headers = (("x-request-id", f"req_{common.name(attempt_id, 'error')}"), *delay_headers(retry_after_ns))
    return Answer(reply=common.failure(status, headers, body), error_code=code or kind, retry_after_ns=retry_after_ns)


def delay_headers(retry_after_ns: int | None) -> tuple[tuple[str, str], ...]:
    """Return the headers that tell a delay: whole seconds, and milliseconds where those say more."""
    if retry_after_ns is None:
        return ()
    seconds = ("retry-after", str(-(-retry_after_ns // 10**9)))
    if retry_after_ns % 10**9 == 0:
        return (seconds,)
    return (seconds, ("retry-after-ms", str(-(-retry_after_ns // 10**6))))
