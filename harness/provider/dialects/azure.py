"""Azure OpenAI: OpenAI's chat completions at Azure's addresses, with Azure's content filter and errors."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from harness.chain import Provider
from harness.provider import text as mocked
from harness.provider.answer import Answer, Call, Delay, Problem
from harness.provider.dialects import common, openai
from harness.provider.reply import Send

BASE_PATH = ""
KEEPALIVE = openai.KEEPALIVE

_DEPLOYMENT = re.compile(r"/openai/deployments/([^/?]{1,200})/chat/completions")
_MODEL_IN_BODY = "/openai/v1/chat/completions"

_SAFE = ",".join(
    f'"{kind}":{{"filtered":false,"severity":"safe"}}' for kind in ("hate", "self_harm", "sexual", "violence")
)
_CHOICE = f',"content_filter_results":{{{_SAFE}}}'
_PROMPT = f'"prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{{{_SAFE}}}}}]'
_STREAM_HEAD = f'data: {{"choices":[],"created":0,"id":"","model":"","object":"",{_PROMPT}}}\n\n'.encode()

# Where Azure differs from OpenAI: type, param, code, message.
_ERRORS: dict[Problem, tuple[str | None, str | None, str, str]] = {
    "rate_limit": (
        None,
        None,
        "429",
        (
            "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded call rate limit of your "
            "current OpenAI S0 pricing tier."
        ),
    ),
    "server_error": (None, None, "InternalServerError", "Internal server error."),
    "unavailable": (None, None, "ServiceUnavailable", "The service is temporarily unavailable."),
    "overloaded": (None, None, "ServiceUnavailable", "The service is temporarily overloaded."),
    "timeout": (None, None, "Timeout", "The operation was timeout."),
    "content_filter": (
        None,
        "prompt",
        "content_filter",
        (
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
            "Please modify your prompt and retry."
        ),
    ),
    "auth": (
        None,
        None,
        "401",
        (
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
            "active subscription and use a correct regional API endpoint for your resource."
        ),
    ),
    "permission": (None, None, "403", "Access denied due to Virtual Network/Firewall rules."),
    "not_found": (
        None,
        None,
        "DeploymentNotFound",
        (
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
            "please wait a moment and try again."
        ),
    ),
    "unknown_path": (None, None, "404", "Resource not found"),
}


def parse(method: str, path: str, body: bytes) -> Call:
    """Return the call; see `Dialect`. The address names the deployment, which stands for the model."""
    bare = path.partition("?")[0]
    if method == "POST" and bare == _MODEL_IN_BODY:
        return common.read(body)
    match = _DEPLOYMENT.fullmatch(bare)
    if method != "POST" or match is None:
        return Call(problem="unknown_path")
    return common.read(body, model=unquote(match[1]))


def succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a provider that is well; see `Dialect`."""
    spec = provider.reply
    said = common.say(spec, call, attempt_id)
    model = call.model or provider.model
    headers = (("apim-request-id", said.sha256[:32]), ("x-request-id", said.sha256[:32]))
    if call.streaming:
        opening, before, after, closing = openai.events(model, said, call, _CHOICE)
        tokens = [Send(before + piece.encode() + after, piece) for piece in mocked.pieces(attempt_id, said.tokens)]
        kind = ("content-type", "text/event-stream; charset=utf-8")
        reply = common.stream(spec, (kind, *headers), _STREAM_HEAD + opening, tokens, closing)
    else:
        body = openai.completion(model, said, call, f",{_PROMPT}", _CHOICE)
        reply = common.plain(spec, said.tokens, (("content-type", "application/json"), *headers), body, said.text)
    return Answer(
        reply=reply,
        text=said.text,
        text_sha256=said.sha256,
        tokens_in=call.prompt_tokens,
        tokens_out=said.tokens,
    )


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
    kind, param, code, message = _ERRORS.get(problem) or openai.ERRORS[problem]
    told = common.tell(delay, "seconds+ms")
    if delay is not None:
        message += f" Please retry after {-(-delay.ns // 10**9)} seconds."
    error: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}
    if problem == "content_filter":
        error["status"] = status
        error["innererror"] = {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "hate": {"filtered": False, "severity": "safe"},
                "jailbreak": {"filtered": False, "detected": False},
                "self_harm": {"filtered": False, "severity": "safe"},
                "sexual": {"filtered": False, "severity": "safe"},
                "violence": {"filtered": True, "severity": "medium"},
            },
        }
    name = common.name(attempt_id, "error")
    headers = (("apim-request-id", name), ("x-request-id", name), *told.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": error}),
        error_code=code or kind,
        retry_after_ns=told.ns,
    )


def authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key; see `Dialect`."""
    return ("api-key", key)


error_event = openai.error_event
filtered = openai.filtered
without_usage = openai.without_usage
quota_headers = openai.quota_headers
read_event = openai.read_event
read_body = openai.read_body
