"""Azure OpenAI: OpenAI's answers at Azure's addresses, with Azure's content filter and errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from harness.provider.answer import Answer, Call, Refusal
from harness.provider.dialects import calls, chat, common, delays, embeddings, openai, responses, rules, wire
from harness.provider.dialects.chat import ChatError
from harness.provider.dialects.declaration import Dialect, LiteLLMNames, OpenAIClient, WrittenRequest
from harness.provider.dialects.framing import SERVER_SENT
from harness.provider.limit import Quota
from harness.provider.reply import Headers
from harness.provider.spec import Provider
from harness.quantities import S

API_VERSION = "2024-10-21"
"""The version that our own clients ask for."""

_DEPLOYMENT = re.compile(r"/openai/deployments/([^/?]{1,200})/(chat/completions|embeddings)")
_MODEL_IN_BODY = "/openai/v1/chat/completions"
_EMBEDDINGS = "/openai/v1/embeddings"
_RESPONSES = frozenset({"/openai/v1/responses", "/openai/responses"})
_FIELDS = calls.CHAT._replace(broken=rules.of_azure)
_REGION = ("x-ms-region", "East US")

_SAFE = ",".join(
    f'"{kind}":{{"filtered":false,"severity":"safe"}}' for kind in ("hate", "self_harm", "sexual", "violence")
)
_PROMPT = f'"prompt_filter_results":[{{"prompt_index":0,"content_filter_results":{{{_SAFE}}}}}]'
_FLAVOUR = chat.Flavour(
    choice=f',"content_filter_results":{{{_SAFE}}}',
    whole=f",{_PROMPT}",
    opening=f'data: {{"choices":[],"created":0,"id":"","model":"","object":"",{_PROMPT}}}\n\n'.encode(),
    cached="always",
)
_CAUGHT: dict[str, Any] = {
    "hate": {"filtered": False, "severity": "safe"},
    "self_harm": {"filtered": False, "severity": "safe"},
    "sexual": {"filtered": False, "severity": "safe"},
    "violence": {"filtered": True, "severity": "medium"},
}

_ERRORS = common.for_every_problem(
    {
        **openai.ERRORS,
        "rate_limit": ChatError(
            None,
            "429",
            "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded call rate limit of your "
            "current OpenAI S0 pricing tier.",
        ),
        "server_error": ChatError(None, "InternalServerError", "Internal server error."),
        "unavailable": ChatError(None, "ServiceUnavailable", "The service is temporarily unavailable."),
        "overloaded": ChatError(None, "ServiceUnavailable", "The service is temporarily overloaded."),
        "timeout": ChatError(None, "Timeout", "The operation was timeout."),
        "content_filter": ChatError(
            None,
            "content_filter",
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
            "Please modify your prompt and retry.",
            "prompt",
        ),
        "auth": ChatError(
            None,
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
            "active subscription and use a correct regional API endpoint for your resource.",
        ),
        "permission": ChatError(None, "403", "Access denied due to Virtual Network/Firewall rules."),
        "not_found": ChatError(
            None,
            "DeploymentNotFound",
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
            "please wait a moment and try again.",
        ),
        "unknown_path": ChatError(None, "404", "Resource not found"),
    }
)


def _path(model: str, end: str) -> str:
    return f"/openai/deployments/{quote(model, safe='')}{end}?api-version={API_VERSION}"


def _request(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    return chat.request(_path(model, "/chat/completions"), model, body)


def _embeddings(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    return embeddings.form(_path(model, embeddings.PATH_END)).request(model, body)


def _parse(method: str, path: str, body: bytes) -> Call:
    """Return the call. The address names the deployment, in place of the model."""
    bare = path.partition("?")[0]
    if method == "POST" and bare == _MODEL_IN_BODY:
        return calls.read(body, fields=_FIELDS)
    if method == "POST" and bare in _RESPONSES:
        return responses.read(body)
    if method == "POST" and bare == _EMBEDDINGS:
        return embeddings.parse(body)
    match = _DEPLOYMENT.fullmatch(bare)
    if method != "POST" or match is None:
        return Call(problem="unknown_path")
    if match[2] != embeddings.API:
        return calls.read(body, model=unquote(match[1]), fields=_FIELDS)
    return embeddings.parse(body, model=unquote(match[1]))


def _succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    mock = common.mock_answer(provider.reply, call, attempt_id)
    name = common.uuid(mock.sha256)
    headers = (("apim-request-id", name), ("x-request-id", name), _REGION)
    if call.api == embeddings.API:
        return embeddings.answer(provider, mock, call, headers)
    if call.api:
        return responses.answer(provider, call, attempt_id, mock, headers=headers)
    return chat.answer(provider, call, attempt_id, mock, headers=headers, flavour=_FLAVOUR)


def _fail(refusal: Refusal) -> Answer:
    """Return an error answer. Its words give a delay in whole seconds."""
    status, problem = common.failing(refusal)
    sent = delays.sent(refusal.delay, "seconds+ms")
    error = chat.stated(_ERRORS[problem], refusal)
    message = common.named(error.message, refusal.call)
    if refusal.call.api == embeddings.API:
        message = message.replace("ChatCompletions_Create", "Embeddings_Create")
    if sent.in_body or (sent.usual and problem == "rate_limit"):
        seconds = -(-(sent.ns or 0) // S)
        message += f" Please retry after {seconds} seconds."
        if sent.in_body:
            sent = sent._replace(ns=seconds * S)
    body = error.body(message)
    if problem == "content_filter":
        body["status"] = status
        body["innererror"] = {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {**_CAUGHT, "jailbreak": {"filtered": False, "detected": False}},
        }
    name = common.uuid(common.name(refusal.attempt_id, "error"))
    headers = (("apim-request-id", name), ("x-request-id", name), _REGION, *sent.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": body}),
        error_code=error.code or error.type,
        retry_after_ns=sent.ns,
    )


def _error_event(refusal: Refusal) -> bytes:
    """Return the event by which a stream ends in an error."""
    return openai.error_event(refusal, _ERRORS[common.failing(refusal)[1]])


def _filtered(event: bytes) -> bytes:
    """Return an end that names the content filter, and what it caught."""
    changed = openai.filtered(event)
    data = wire.data_of(changed)
    choices = wire.objects(data.get("choices"))
    if changed == event or not choices:
        return changed
    for choice in choices:
        choice["content_filter_results"] = _CAUGHT
    return wire.with_data(event, data)


def _quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limits."""
    del wall_ns
    levels = (("requests", quota.requests), ("tokens", quota.tokens))
    return tuple((f"x-ratelimit-remaining-{name}", str(level.remaining)) for name, level in levels if level is not None)


def _authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key."""
    return ("api-key", key)


AZURE = Dialect(
    name="azure",
    base_path="",
    framing=SERVER_SENT,
    keepalive=chat.KEEPALIVE,
    last_event=chat.LAST_EVENT,
    error_header=None,
    models=None,
    request=_request,
    authorize=_authorize,
    parse=_parse,
    succeed=_succeed,
    fail=_fail,
    error_event=_error_event,
    filtered=_filtered,
    emptied=openai.emptied,
    without_usage=openai.without_usage,
    quota_headers=_quota_headers,
    read_event=openai.read_event,
    read_calls=openai.read_calls,
    read_finish=openai.read_finish,
    read_usage=openai.read_usage,
    read_error=partial(wire.error_in, openai.read_body),
    read_body=openai.read_body,
    is_answer=wire.is_answer,
    embed=embeddings.form("")._replace(request=_embeddings),
    litellm=LiteLLMNames(
        provider="azure",
        path="",
        key_variables=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
        families=None,
        takes_unknown=False,
        model=lambda name: (
            name.rsplit("/", 1)[-1] or name
        ),  # `o_series/NAME` and the like choose a code path in LiteLLM
        addresses=(),
        defaults={},
        home=None,
    ),
    openai_client=OpenAIClient("AsyncAzureOpenAI", lambda url: {"azure_endpoint": url, "api_version": API_VERSION}),
    sdk="AZURE_OPENAI_ENDPOINT={address}",
    of_vendor=None,
    cache_usage=chat.CACHE_USAGE,
)
