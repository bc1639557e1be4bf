"""Vertex AI: Gemini and Anthropic's models at addresses of Google Cloud, and other vendors' models in OpenAI's format.

The address names the vendor and the model. Answers are Gemini's, Anthropic's or OpenAI's; logins are no part of the dialect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Problem, Refusal
from harness.provider.dialects import calls, common, embeddings, google_embeddings, google_errors, wire
from harness.provider.dialects.anthropic import ANTHROPIC
from harness.provider.dialects.declaration import Dialect, LiteLLMNames, WrittenRequest
from harness.provider.dialects.framing import SERVER_SENT
from harness.provider.dialects.gemini import GEMINI
from harness.provider.dialects.google_errors import DETAIL, GoogleError
from harness.provider.dialects.openai import OPENAI
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider
from harness.provider.tools import CallPieces

_KEEPALIVE = b'data: {"type":"ping","candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"index":0}]}\n\n'
"""An event of Gemini's without content, and Anthropic's ping without the line that names it: Google's SDK refuses such a line."""

_PLACE = "/v1/projects/harness/locations/global"
_PATH = re.compile(
    r"(?:/v1|/v1beta1)?(?:/projects/[^/?]+/locations/[^/?]+)?(?:/publishers/([a-z0-9-]+)/models|/endpoints)/([^/?]{1,600})"
    r":(generateContent|streamGenerateContent|rawPredict|streamRawPredict|predict|embedContent)"
)
_CHAT_END = "/endpoints/openapi/chat/completions"
_APIS: Mapping[str, Dialect] = {"": GEMINI, "anthropic": ANTHROPIC, "openai": OPENAI}
"""Whose format an answer has, by `Call.api`."""
_STATUS: Mapping[Problem, int] = {"too_large": 400}


def _reason(reason: str, service: str = "aiplatform.googleapis.com") -> tuple[dict[str, Any], ...]:
    info = {"reason": reason, "domain": "googleapis.com", "metadata": {"service": service}}
    return ({"@type": f"{DETAIL}ErrorInfo", **info},)


# https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors; a 429 has no RetryInfo by itself.
_ERRORS = common.for_every_problem(
    {
        "rate_limit": GoogleError("RESOURCE_EXHAUSTED", "Resource exhausted, please try again later."),
        "quota": GoogleError(
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute_per_project_per_base_model "
            "with base model: {model}. Please submit a quota increase request. "
            "https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai.",
        ),
        "spend_limit": GoogleError("RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap."),
        "overloaded": GoogleError("UNAVAILABLE", "The model is overloaded. Please try again later."),
        "server_error": GoogleError("INTERNAL", "Internal error encountered."),
        "unavailable": GoogleError("UNAVAILABLE", "The service is currently unavailable."),
        "timeout": GoogleError("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        "context_length": GoogleError(
            "INVALID_ARGUMENT",
            "The input token count ({tokens:1048600}) exceeds the maximum number of tokens allowed ({window:1048576}).",
        ),
        "content_filter": GoogleError("INVALID_ARGUMENT", "The prompt was blocked by the safety settings."),
        "invalid_request": GoogleError("INVALID_ARGUMENT", "Invalid JSON payload received: `contents` is needed."),
        "auth": GoogleError(
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
            "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
            _reason("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ),
        "permission": GoogleError(
            "PERMISSION_DENIED",
            "Your application is authenticating by using local Application Default Credentials. The "
            "aiplatform.googleapis.com API requires a quota project, which is not set by default.",
            _reason("SERVICE_DISABLED"),
        ),
        "not_found": GoogleError(
            "NOT_FOUND",
            f"Publisher Model `{_PLACE.removeprefix('/v1/')}/publishers/google/models/{{model}}` was not found or your "
            "project does not have access to it. Please ensure you are using a valid model version.",
        ),
        "too_large": GoogleError("INVALID_ARGUMENT", "Request payload size exceeds the limit: 524288000 bytes."),
        "unknown_path": GoogleError("NOT_FOUND", "Requested entity was not found."),
    }
)


def _publisher(model: str) -> str:
    """Return whose model a name is, as far as addresses tell them apart."""
    if model.startswith("claude"):
        return "anthropic"
    return next((own for own, sign in _OTHERS.items() if sign in model), "google")


_OTHERS = {"mistralai": "stral", "ai21": "jamba"}
"""Publishers whose models are asked in OpenAI's format at an address of their own, by a part of the models' names."""


def _request(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    """Return a chat completion as Gemini on Vertex AI is asked for it, or a model of Anthropic's."""
    name = quote(model, safe="@")
    if _publisher(model) != "anthropic":
        method = "streamGenerateContent?alt=sse" if body["stream"] else "generateContent"
        return WrittenRequest(
            f"{_PLACE}/publishers/google/models/{name}:{method}", (), GEMINI.request(model, body).body
        )
    asked = {key: value for key, value in ANTHROPIC.request(model, body).body.items() if key != "model"}
    method = "streamRawPredict" if body["stream"] else "rawPredict"
    path = f"{_PLACE}/publishers/anthropic/models/{name}:{method}"
    return WrittenRequest(path, (), {**asked, "anthropic_version": "vertex-2023-10-16"})


def _parse(method: str, path: str, body: bytes) -> Call:
    """Return the call."""
    bare = path.partition("?")[0]
    if method == "POST" and bare.endswith(_CHAT_END):
        return calls.read(body, fields=calls.UNCACHED_CHAT)._replace(api="openai")
    match = _PATH.fullmatch(bare)
    if method != "POST" or match is None:
        return Call(problem="unknown_path")
    publisher, model, verb = match.groups()
    if verb in ("predict", "embedContent"):
        return google_embeddings.parse(unquote(model), verb, body)
    if not verb.endswith("awPredict"):
        return GEMINI.parse(method, f"/models/{model}:{verb}", body)
    api = "anthropic" if publisher == "anthropic" else "openai"
    call = calls.read(
        body, model=unquote(model), fields=calls.MESSAGES if publisher == "anthropic" else calls.UNCACHED_CHAT
    )
    return call._replace(streaming=call.streaming or verb == "streamRawPredict", api=api)


def _succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    if call.api == embeddings.API:
        return GEMINI.succeed(provider, call, attempt_id)
    return _APIS[call.api].succeed(provider, call._replace(api=""), attempt_id)


def _fail(refusal: Refusal) -> Answer:
    """Return an error answer: Anthropic's for its models, else Google's."""
    if refusal.call.api == "anthropic":
        return ANTHROPIC.fail(refusal)
    return google_errors.fail(_ERRORS, _STATUS, refusal)


def _error_event(refusal: Refusal) -> bytes:
    """Return the event by which a stream ends in an error."""
    if refusal.call.api == "anthropic":
        return ANTHROPIC.error_event(refusal)
    return google_errors.error_event(_ERRORS, _STATUS, refusal)


def _dialect_of(data: Any) -> Dialect:
    """Return whose format an answer, an error or the data of an event has."""
    found = wire.as_object(data)
    if "choices" in found:
        return OPENAI
    return ANTHROPIC if "type" in found and "candidates" not in found else GEMINI


def _of_event(event: bytes) -> Dialect:
    return _dialect_of(wire.data_of(event))


def _filtered(event: bytes) -> bytes:
    """Return an end that names the content filter."""
    return _of_event(event).filtered(event)


def _emptied(event: bytes) -> bytes:
    """Return an end without text."""
    return _of_event(event).emptied(event)


def _without_usage(event: bytes) -> bytes:
    """Return an event without its usage."""
    return _of_event(event).without_usage(event)


def _read_event(event: bytes) -> Send:
    """Return an event with its text and its role. Only OpenAI's format has one that is no JSON, its last."""
    dialect = _of_event(event) if wire.data_of(event) else OPENAI
    return dialect.read_event(event)


def _read_calls(event: bytes) -> CallPieces | None:
    """Return the pieces of calls."""
    return _of_event(event).read_calls(event)


def _read_finish(event: bytes) -> FinishReason | None:
    """Return why the answer ended."""
    return _of_event(event).read_finish(event)


def _read_usage(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    return _of_event(event).read_usage(event)


def _read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer."""
    return _dialect_of(wire.load(body)).read_body(status, body)


def _quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return nothing: its limits are in its errors alone."""
    del quota, wall_ns
    return ()


def _authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an access token."""
    return ("authorization", f"Bearer {key}")


_ROUTES = re.compile(r"(?:gemini|gemma|bge|openai)/")
_OPENAPI = re.compile(r"meta/|deepseek-ai|qwen|openai/gpt-oss-|minimaxai/|moonshotai/|zai-org/|google/gemma-|xai/|\*")
"""Models that LiteLLM asks at the address of OpenAI's format, which it appends to any `api_base`; `*` is no model."""
_CREDENTIALS = json.dumps(
    {"type": "authorized_user", "client_id": "no-key", "client_secret": "no-key", "refresh_token": "no-key"}
)
"""A user's login, the one kind that needs no private key: google-auth exchanges it for a token at one address."""


def _litellm_path(model: str) -> str:
    """Return what the `api_base` for a model ends in: all versions of LiteLLM append `:generateContent` or the like to it."""
    return "" if _OPENAPI.search(model) else f"{_PLACE}/publishers/{_publisher(model)}/models/{quote(model, safe='@')}"


VERTEX_AI = Dialect(
    name="vertex_ai",
    base_path="",
    framing=SERVER_SENT,
    keepalive=_KEEPALIVE,
    last_event=None,
    error_header=None,
    models=None,
    request=_request,
    authorize=_authorize,
    parse=_parse,
    succeed=_succeed,
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
    read_error=partial(wire.error_in, _read_body),
    read_body=_read_body,
    is_answer=wire.is_answer,
    embed=google_embeddings.vertex(f"{_PLACE}/publishers/google/models"),
    litellm=LiteLLMNames(
        provider="vertex_ai",
        path="",
        key_variables=(),
        families="gemini-",
        takes_unknown=False,
        model=lambda name: name if _OPENAPI.search(name) else _ROUTES.sub("", name, count=1) or name,
        addresses=(),
        defaults={
            "vertex_project": "harness",
            "vertex_location": "global",
            "vertex_credentials": _CREDENTIALS,
        },
        home="https://aiplatform.googleapis.com",
        also=("vertex_ai_beta",),
        packages=("google-auth",),
        model_path=_litellm_path,
    ),
    openai_client=None,
    sdk="GOOGLE_VERTEX_BASE_URL={address}",
    of_vendor=None,
    cache_usage=ANTHROPIC.cache_usage,
)
