"""Azure OpenAI: OpenAI's answers at Azure's addresses, with Azure's content filter and errors."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from harness.provider.answer import Answer, Call, Delay, Problem
from harness.provider.dialects import calls, chat, common, delays, openai, responses, wire
from harness.provider.dialects.chat import Error
from harness.provider.limit import Quota
from harness.provider.reply import Headers
from harness.provider.spec import Provider

BASE_PATH = ""
KEEPALIVE = chat.KEEPALIVE

_DEPLOYMENT = re.compile(r"/openai/deployments/([^/?]{1,200})/chat/completions")
_MODEL_IN_BODY = "/openai/v1/chat/completions"
_RESPONSES = frozenset({"/openai/v1/responses", "/openai/responses"})
_REGION = ("x-ms-region", "East US")

_SAFE = ",".join(
    f'"{kind}":{{"filtered":false,"severity":"safe"}}' for kind in ("hate", "self_harm", "sexual", "violence")
)
_PROMPT = f'"prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{{{_SAFE}}}}}]'
_FLAVOUR = chat.Flavour(
    choice=f',"content_filter_results":{{{_SAFE}}}',
    whole=f",{_PROMPT}",
    opening=f'data: {{"choices":[],"created":0,"id":"","model":"","object":"",{_PROMPT}}}\n\n'.encode(),
)
_CAUGHT: dict[str, Any] = {
    "hate": {"filtered": False, "severity": "safe"},
    "self_harm": {"filtered": False, "severity": "safe"},
    "sexual": {"filtered": False, "severity": "safe"},
    "violence": {"filtered": True, "severity": "medium"},
}

# Where Azure differs from OpenAI.
_ERRORS: dict[Problem, Error] = {
    "rate_limit": Error(
        None,
        "429",
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded call rate limit of your "
        "current OpenAI S0 pricing tier.",
    ),
    "server_error": Error(None, "InternalServerError", "Internal server error."),
    "unavailable": Error(None, "ServiceUnavailable", "The service is temporarily unavailable."),
    "overloaded": Error(None, "ServiceUnavailable", "The service is temporarily overloaded."),
    "timeout": Error(None, "Timeout", "The operation was timeout."),
    "content_filter": Error(
        None,
        "content_filter",
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry.",
        "prompt",
    ),
    "auth": Error(
        None,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource.",
    ),
    "permission": Error(None, "403", "Access denied due to Virtual Network/Firewall rules."),
    "not_found": Error(
        None,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
        "please wait a moment and try again.",
    ),
    "unknown_path": Error(None, "404", "Resource not found"),
}


def parse(method: str, path: str, body: bytes) -> Call:
    """Return the call; see `Dialect`. The address names the deployment, which stands for the model."""
    bare = path.partition("?")[0]
    if method == "POST" and bare == _MODEL_IN_BODY:
        return calls.read(body)
    if method == "POST" and bare in _RESPONSES:
        return responses.read(body)
    match = _DEPLOYMENT.fullmatch(bare)
    if method != "POST" or match is None:
        return Call(problem="unknown_path")
    return calls.read(body, model=unquote(match[1]))


def succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a provider that is well; see `Dialect`."""
    said = common.say(provider.reply, call, attempt_id)
    name = common.uuid(said.sha256)
    headers = (("apim-request-id", name), ("x-request-id", name), _REGION)
    if call.api:
        return responses.answer(provider, call, attempt_id, said, headers=headers)
    return chat.answer(provider, call, attempt_id, said, headers=headers, flavour=_FLAVOUR)


def fail(
    call: Call,
    attempt_id: str,
    *,
    status: int | None = None,
    problem: Problem | None = None,
    delay: Delay | None = None,
) -> Answer:
    """Return an error answer; see `Dialect`. Its words tell a delay in whole seconds."""
    status, problem = common.failing(status, problem)
    told = delays.tell(delay, "seconds+ms")
    error = _error(problem)
    message = chat.named(error.message, call)
    if told.in_body or (told.usual and problem == "rate_limit"):
        seconds = -(-(told.ns or 0) // delays.S)
        message += f" Please retry after {seconds} seconds."
        if told.in_body:
            told = told._replace(ns=seconds * delays.S)
    body = error.body(message)
    if problem == "content_filter":
        body["status"] = status
        body["innererror"] = {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {**_CAUGHT, "jailbreak": {"filtered": False, "detected": False}},
        }
    name = common.uuid(common.name(attempt_id, "error"))
    headers = (("apim-request-id", name), ("x-request-id", name), _REGION, *told.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": body}),
        error_code=error.code or error.type,
        retry_after_ns=told.ns,
    )


def _error(problem: Problem) -> Error:
    return _ERRORS.get(problem) or openai.ERRORS[problem]


def error_event(call: Call, attempt_id: str, problem: Problem) -> bytes:
    """Return the event by which a stream ends in an error; see `Dialect`."""
    error = _error(problem)
    if call.api:
        return responses.error_events(call, attempt_id, error)
    return chat.error_event(error.body(chat.named(error.message, call)))


def filtered(event: bytes) -> bytes:
    """Return an end that names the content filter, and what it caught; see `Dialect`."""
    changed = openai.filtered(event)
    data = wire.data_of(changed)
    choices = wire.objects(data.get("choices"))
    if changed == event or not choices:
        return changed
    for choice in choices:
        choice["content_filter_results"] = _CAUGHT
    return wire.with_data(event, data)


def quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limits; see `Dialect`."""
    del wall_ns
    levels = (("requests", quota.requests), ("tokens", quota.tokens))
    return tuple((f"x-ratelimit-remaining-{name}", str(level.remaining)) for name, level in levels if level is not None)


def authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key; see `Dialect`."""
    return ("api-key", key)


emptied = openai.emptied
without_usage = openai.without_usage
read_event = openai.read_event
read_body = openai.read_body
