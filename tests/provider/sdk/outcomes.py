"""What each SDK's caller gets in each case: how much of the text, what is raised, and why the answer ended."""

from __future__ import annotations

import json
from collections.abc import Mapping

import aiohttp
import anthropic
import cohere
import groq
import httpx
import httpx2
import ollama
import openai
from anthropic import _exceptions
from botocore import exceptions as aws
from cohere.core.api_error import ApiError
from google.genai import errors
from mistralai.client import errors as mistral
from pydantic import ValidationError
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from .heard import Outcome

Raised = Mapping[str, type[Exception]]

_SHARES = {
    "stream-fine": "whole",
    "stream-cut": "part",
    "stream-reset": "part",
    "stream-end": "part",
    "stream-stall": "whole",
    "stream-stall-long": "part",
    "stream-malformed": "part",
    "stream-no-done": "whole",
    "stream-no-usage": "whole",
    "stream-error": "part",
    "stream-error-first": "none",
    "stream-error-overloaded": "part",
    "stream-keepalive": "whole",
    "stream-empty": "none",
    "stream-filter": "part",
    "stream-ttft": "whole",
    "stream-ttft-long": "none",
    "stream-slow": "whole",
    "stream-503": "none",
    "plain-fine": "whole",
    "plain-cut": "none",
    "plain-cut-reset": "none",
    "plain-stall": "whole",
    "plain-stall-long": "none",
    "plain-close": "none",
    "plain-reset": "none",
    "plain-silent": "none",
    "plain-delay": "whole",
    "plain-delay-long": "none",
    "plain-html": "none",
    "plain-shape": "none",
    "plain-html-502": "none",
}


def outcomes_of(raised: Mapping[str, type[Exception] | str], *, stop: str, filtered: str) -> dict[str, Outcome]:
    """Return the outcome of each case.

    Args:
        raised: By case; nothing is raised in the others.
        stop: The word for an answer that came to its own end.
        filtered: The word for one that a content filter ended.
    """
    found: dict[str, Outcome] = {}
    for name, share in _SHARES.items():
        ended = stop if name not in raised and (share == "whole" or name == "stream-empty") else None
        lost = name in raised and share == "whole"
        word = filtered if name == "stream-filter" else ended
        found[name] = ("part" if lost else share, raised.get(name), word)
    return found


_OPENAI: Raised = {
    "stream-cut": httpx.RemoteProtocolError,
    "stream-reset": httpx.ReadError,
    "stream-stall-long": httpx.ReadTimeout,
    "stream-malformed": json.JSONDecodeError,
    "stream-error": openai.APIError,
    "stream-error-first": openai.APIError,
    "stream-error-overloaded": openai.APIError,
    "stream-ttft-long": httpx.ReadTimeout,
    "stream-503": openai.InternalServerError,
    "plain-cut": openai.APIConnectionError,
    "plain-cut-reset": openai.APIConnectionError,
    "plain-stall-long": openai.APITimeoutError,
    "plain-close": openai.APIConnectionError,
    "plain-reset": openai.APIConnectionError,
    "plain-silent": openai.APITimeoutError,
    "plain-delay-long": openai.APITimeoutError,
    "plain-html-502": openai.InternalServerError,
}
_CHAT = outcomes_of(_OPENAI, stop="stop", filtered="content_filter")

# An error in a response's stream is an event, and raises nothing.
_FAILED: dict[str, Outcome] = {
    "stream-error": ("part", None, "failed: server_error"),
    "stream-error-first": ("none", None, "failed: server_error"),
    "stream-error-overloaded": ("part", None, "failed: server_error"),
}

_ANTHROPIC: Raised = {
    "stream-cut": httpx2.RemoteProtocolError,
    "stream-reset": httpx2.ReadError,
    "stream-stall-long": httpx2.ReadTimeout,
    "stream-malformed": json.JSONDecodeError,
    "stream-error": anthropic.APIStatusError,
    "stream-error-first": anthropic.APIStatusError,
    "stream-error-overloaded": anthropic.APIStatusError,
    "stream-ttft-long": httpx2.ReadTimeout,
    "stream-503": _exceptions.ServiceUnavailableError,
    "plain-cut": anthropic.APIConnectionError,
    "plain-cut-reset": anthropic.APIConnectionError,
    "plain-stall-long": anthropic.APITimeoutError,
    "plain-close": anthropic.APIConnectionError,
    "plain-reset": anthropic.APIConnectionError,
    "plain-silent": anthropic.APITimeoutError,
    "plain-delay-long": anthropic.APITimeoutError,
    "plain-html-502": anthropic.InternalServerError,
}

_GOOGLE: Raised = {
    "stream-malformed": errors.UnknownApiResponseError,
    "stream-error": errors.ServerError,
    "stream-error-first": errors.ServerError,
    "stream-error-overloaded": errors.ServerError,
    "stream-503": errors.ServerError,
    "plain-html": json.JSONDecodeError,
    "plain-html-502": errors.ServerError,
}

# From asyncio over aiohttp, whose timeout is one for the whole answer: keepalives and slow tokens do not prolong it.
_GOOGLE_ASYNCIO: Raised = {
    **_GOOGLE,
    "stream-cut": aiohttp.ClientPayloadError,
    "stream-reset": aiohttp.ClientPayloadError,
    "stream-stall-long": TimeoutError,
    "stream-keepalive": TimeoutError,
    "stream-ttft-long": TimeoutError,
    "stream-slow": TimeoutError,
    "plain-cut": aiohttp.ClientPayloadError,
    "plain-cut-reset": aiohttp.ClientPayloadError,
    "plain-stall-long": TimeoutError,
    "plain-close": aiohttp.ServerDisconnectedError,
    "plain-reset": aiohttp.ClientOSError,
    "plain-silent": TimeoutError,
    "plain-delay-long": TimeoutError,
}

# Blocking over httpx, whose timeout is one between bytes.
_GOOGLE_BLOCKING: Raised = {
    **_GOOGLE,
    "stream-cut": httpx2.RemoteProtocolError,
    "stream-reset": httpx2.ReadError,
    "stream-stall-long": httpx2.ReadTimeout,
    "stream-ttft-long": httpx2.ReadTimeout,
    "plain-cut": httpx2.RemoteProtocolError,
    "plain-cut-reset": httpx2.ReadError,
    "plain-stall-long": httpx2.ReadTimeout,
    "plain-close": httpx2.RemoteProtocolError,
    "plain-reset": httpx2.ReadError,
    "plain-silent": httpx2.ReadTimeout,
    "plain-delay-long": httpx2.ReadTimeout,
}

# What breaks while a stream is read is urllib3's, and what is not valid JSON is an event without content.
_BOTO3: Raised = {
    "stream-cut": ProtocolError,
    "stream-reset": ProtocolError,
    "stream-stall-long": ReadTimeoutError,
    "stream-malformed": KeyError,
    "stream-error": aws.EventStreamError,
    "stream-error-first": aws.EventStreamError,
    "stream-error-overloaded": aws.EventStreamError,
    "stream-ttft-long": ReadTimeoutError,
    "stream-503": aws.ClientError,
    "plain-cut-reset": aws.ConnectionClosedError,
    "plain-stall-long": aws.ReadTimeoutError,
    "plain-close": aws.ConnectionClosedError,
    "plain-reset": aws.ConnectionClosedError,
    "plain-silent": aws.ReadTimeoutError,
    "plain-delay-long": aws.ReadTimeoutError,
    "plain-html-502": aws.ClientError,
}
# InvokeModel's body is the caller's to read.
_BOTO3_INVOKE: Raised = {
    **_BOTO3,
    "plain-cut": aws.ResponseStreamingError,
    "plain-cut-reset": aws.ResponseStreamingError,
    "plain-html": json.JSONDecodeError,
}

_COHERE: Raised = {
    "stream-cut": httpx.RemoteProtocolError,
    "stream-reset": httpx.ReadError,
    "stream-stall-long": httpx.ReadTimeout,
    "stream-ttft-long": httpx.ReadTimeout,
    "stream-503": cohere.ServiceUnavailableError,
    "plain-cut": httpx.RemoteProtocolError,
    "plain-cut-reset": httpx.ReadError,
    "plain-stall-long": httpx.ReadTimeout,
    "plain-close": httpx.RemoteProtocolError,
    "plain-reset": httpx.ReadError,
    "plain-silent": httpx.ReadTimeout,
    "plain-delay-long": httpx.ReadTimeout,
    "plain-html": ApiError,
    "plain-html-502": ApiError,
}
# An error in a stream is a reason for its end, and raises nothing; an event that cannot be read is left out.
_COHERE_ENDS: dict[str, Outcome] = {
    "stream-error": ("part", None, "ERROR"),
    "stream-error-first": ("none", None, "ERROR"),
    "stream-error-overloaded": ("part", None, "ERROR"),
    "stream-malformed": ("garbled", None, "COMPLETE"),
}

_GROQ: Raised = {
    case: getattr(groq, error.__name__) if issubclass(error, openai.OpenAIError) else error
    for case, error in _OPENAI.items()
}

# It has one exception for all statuses, and reads an error inside a stream as an event of the wrong shape.
_MISTRAL: Raised = {
    "stream-cut": httpx2.RemoteProtocolError,
    "stream-reset": httpx2.ReadError,
    "stream-stall-long": httpx2.ReadTimeout,
    "stream-malformed": mistral.ResponseValidationError,
    "stream-error": mistral.ResponseValidationError,
    "stream-error-first": mistral.ResponseValidationError,
    "stream-error-overloaded": mistral.ResponseValidationError,
    "stream-ttft-long": httpx2.ReadTimeout,
    "stream-503": mistral.SDKError,
    "plain-cut": httpx2.RemoteProtocolError,
    "plain-cut-reset": httpx2.ReadError,
    "plain-stall-long": httpx2.ReadTimeout,
    "plain-close": httpx2.RemoteProtocolError,
    "plain-reset": httpx2.ReadError,
    "plain-silent": httpx2.ReadTimeout,
    "plain-delay-long": httpx2.ReadTimeout,
    "plain-html": mistral.SDKError,
    "plain-shape": mistral.ResponseValidationError,
    "plain-html-502": mistral.SDKError,
}

_OLLAMA: Raised = {
    "stream-cut": httpx.RemoteProtocolError,
    "stream-reset": httpx.ReadError,
    "stream-stall-long": httpx.ReadTimeout,
    "stream-malformed": json.JSONDecodeError,
    "stream-error": ollama.ResponseError,
    "stream-error-first": ollama.ResponseError,
    "stream-error-overloaded": ollama.ResponseError,
    "stream-ttft-long": httpx.ReadTimeout,
    "stream-503": ollama.ResponseError,
    "plain-cut": httpx.RemoteProtocolError,
    "plain-cut-reset": httpx.ReadError,
    "plain-stall-long": httpx.ReadTimeout,
    "plain-close": httpx.RemoteProtocolError,
    "plain-reset": httpx.ReadError,
    "plain-silent": httpx.ReadTimeout,
    "plain-delay-long": httpx.ReadTimeout,
    "plain-html": json.JSONDecodeError,
    "plain-html-502": ollama.ResponseError,
}
# An answer of `chat` must have a message; one of `generate` need not have a text.
_OLLAMA_CHAT: Raised = {**_OLLAMA, "plain-shape": ValidationError}

OUTCOMES: dict[str, dict[str, Outcome]] = {
    **dict.fromkeys(("openai", "azure", "openrouter", "deepseek"), _CHAT),
    "responses": outcomes_of(_OPENAI, stop="completed", filtered="incomplete: content_filter") | _FAILED,
    "anthropic": outcomes_of(_ANTHROPIC, stop="end_turn", filtered="refusal"),
    "gemini": outcomes_of(_GOOGLE_ASYNCIO, stop="STOP", filtered="SAFETY"),
    "gemini-blocking": outcomes_of(_GOOGLE_BLOCKING, stop="STOP", filtered="SAFETY"),
    "bedrock": outcomes_of(_BOTO3, stop="end_turn", filtered="content_filtered"),
    "bedrock-invoke": outcomes_of(_BOTO3_INVOKE, stop="end_turn", filtered="refusal"),
    "cohere": outcomes_of(_COHERE, stop="COMPLETE", filtered="ERROR_TOXIC") | _COHERE_ENDS,
    "vertex_ai": outcomes_of(_GOOGLE_ASYNCIO, stop="STOP", filtered="SAFETY"),
    "vertex_ai-claude": outcomes_of(_ANTHROPIC, stop="end_turn", filtered="refusal"),
    "groq": outcomes_of(_GROQ, stop="stop", filtered="content_filter"),
    "mistral": outcomes_of(_MISTRAL, stop="stop", filtered="content_filter"),
    "ollama": outcomes_of(_OLLAMA, stop="stop", filtered="content_filter"),
    "ollama_chat": outcomes_of(_OLLAMA_CHAT, stop="stop", filtered="content_filter"),
}
"""By client and case.

What breaks while a stream is read is an exception of the HTTP library, not of the SDK, and an early end raises nothing at all.
What breaks before a plain answer is complete is a connection error or a timeout of the SDK's own, but for Google's.
"""
