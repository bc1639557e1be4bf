"""OpenAI's chat completions, as the many vendors speak them who call their API compatible.

What is a vendor's own stands in `harness.provider.dialects.vendors`; a vendor that has no row there is plain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

from harness.http_rules import is_success
from harness.provider.answer import Answer, Call, ParsedBody, Refusal
from harness.provider.dialects import calls, chat, common, delays, embeddings, openai, wire
from harness.provider.dialects.declaration import Dialect, LiteLLMNames, OpenAIClient
from harness.provider.dialects.vendor_shapes import Vendor
from harness.provider.dialects.vendors import PLAIN, VENDORS
from harness.provider.limit import Quota
from harness.provider.reply import Headers
from harness.provider.spec import Provider

_END = "/chat/completions"


def _parse(fields: calls.Fields, method: str, path: str, body: bytes) -> Call:
    """Return the call. Whatever comes before the path's end is the vendor's own."""
    bare = path.partition("?")[0]
    if method == "POST" and bare.endswith(embeddings.PATH_END):
        return embeddings.parse(body)
    if method != "POST" or not bare.endswith(_END):
        return Call(problem="unknown_path")
    return calls.read(body, fields=fields)


def _succeed(vendor: Vendor, provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    mock = common.mock_answer(provider.reply, call, attempt_id)
    headers = ((vendor.request_id, f"req_{mock.sha256[:32]}"),)
    if call.api == embeddings.API:
        return embeddings.answer(provider, mock, call, headers, named=True)
    return chat.answer(provider, call, attempt_id, mock, headers=headers, flavour=vendor.flavour)


def _fail(vendor: Vendor, refusal: Refusal) -> Answer:
    """Return an error answer."""
    status, problem = common.failing(refusal, vendor.statuses)
    sent = delays.sent(refusal.delay, "seconds")
    error = chat.stated(vendor.error(problem), refusal)
    message = delays.with_words(common.named(error.message, refusal.call), sent)
    headers = ((vendor.request_id, f"req_{common.name(refusal.attempt_id, 'error')}"), *sent.headers)
    body = vendor.shape(status, error, message)
    return Answer(
        reply=common.failure(status, headers, body),
        error_code=_read_body(status, json.dumps(body).encode()).error_code,
        retry_after_ns=sent.ns,
    )


def _error_event(vendor: Vendor, refusal: Refusal) -> bytes:
    """Return the event by which a stream ends in an error."""
    status, problem = common.failing(refusal, vendor.statuses)
    error = vendor.error(problem)
    body = vendor.shape(status, error, common.named(error.message, refusal.call))
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _quota_headers(vendor: Vendor, quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limits."""
    return () if vendor.limits is None else vendor.limits(quota, wall_ns)


def _read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer, whatever shape the vendor gives to its errors."""
    data = wire.as_object(wire.load(body))
    return chat.read_body(status, body) if is_success(status) and not _is_error(data) else _parsed_error(data)


def _is_error(data: Mapping[str, Any]) -> bool:
    """Return whether an object is an error: it says so, or it has a message or a title where an answer has its choices or its data."""
    named = ("error", "errors", "message", "detail", "title", "error_code")
    return "choices" not in data and "data" not in data and any(data.get(key) for key in named)


def _parsed_error(data: Mapping[str, Any]) -> ParsedBody:
    listed = next(iter(wire.objects(data.get("errors"))), {})
    inside = wire.as_object(data.get("error")) or wire.as_object(data.get("detail")) or listed or data
    stated = [inside.get(name) for name in ("code", "type", "error_code", "title", "status")]
    if inside is data:  # without an object around it, a code can be of several words
        stated = ["-".join(code.split()) if isinstance(code, str) else code for code in stated]
    return ParsedBody(
        error_code=wire.code_of(*stated, data.get("code")),
        retry_after_ns=delays.in_words(inside.get("message") or inside.get("detail") or data.get("error")),
    )


def _read_error(event: bytes) -> ParsedBody | None:
    """Return the error by which an event ends a stream."""
    data = wire.data_of(event)
    return _parsed_error(data) if _is_error(data) or data.get("error") else None


def _is_answer(body: bytes) -> bool:
    """Return whether the body of a plain success is an answer."""
    return wire.is_answer(body) and not _is_error(wire.as_object(wire.load(body)))


@cache
def _of_vendor(name: str) -> Dialect:
    """Return the dialect as a vendor speaks it."""
    vendor = VENDORS.get(name, PLAIN)
    base = vendor.base
    return replace(
        OPENAI_COMPATIBLE,
        base_path=base,
        models=f"{base}/models",
        request=partial(chat.request, f"{base}{_END}"),
        embed=embeddings.form(f"{base}{embeddings.PATH_END}"),
        parse=partial(_parse, calls.CHAT._replace(broken=vendor.broken)),
        succeed=partial(_succeed, vendor),
        fail=partial(_fail, vendor),
        error_event=partial(_error_event, vendor),
        quota_headers=partial(_quota_headers, vendor),
        litellm=LiteLLMNames(
            provider=name,
            path=base,
            key_variables=vendor.keys or (f"{name.upper().replace('-', '_')}_API_KEY",),
            families=None,
            takes_unknown=False,
            model=vendor.model,
            addresses=(),
            defaults={},
            home=vendor.home,
        ),
        openai_client=OpenAIClient("AsyncOpenAI", lambda url: {"base_url": url + base}),
        sdk=vendor.sdk,
    )


OPENAI_COMPATIBLE = replace(
    openai.OPENAI,
    name="openai-compatible",
    parse=partial(_parse, calls.CHAT),
    succeed=partial(_succeed, PLAIN),
    fail=partial(_fail, PLAIN),
    error_event=partial(_error_event, PLAIN),
    filtered=chat.filtered,
    emptied=chat.emptied,
    without_usage=chat.without_usage,
    quota_headers=partial(_quota_headers, PLAIN),
    read_event=chat.read_event,
    read_calls=chat.read_calls,
    read_finish=chat.read_finish,
    read_usage=chat.read_usage,
    read_error=_read_error,
    read_body=_read_body,
    is_answer=_is_answer,
    litellm=LiteLLMNames(
        provider="hosted_vllm",
        path=PLAIN.base,
        key_variables=("HOSTED_VLLM_API_KEY",),
        families=None,
        takes_unknown=False,
        model=str,
        addresses=(),
        defaults={},
        home=None,
    ),
    sdk=PLAIN.sdk,
    of_vendor=_of_vendor,
    cache_usage=chat.CACHE_USAGE,
)
