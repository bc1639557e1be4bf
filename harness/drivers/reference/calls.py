"""A chat completion as each provider wants to be asked for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from harness.chain import Provider
from harness.provider.dialects import DIALECTS
from harness.store import encode

AZURE_API_VERSION = "2024-10-21"
_MAX_TOKENS = 1024  # Anthropic wants to be told
_PATHS = {
    "openai": "/v1/chat/completions",
    "openrouter": "/api/v1/chat/completions",
    "deepseek": "/chat/completions",
}
_JSON = ("content-type", "application/json")


class Outgoing(NamedTuple):
    """A request as it goes out.

    Attributes:
        path: With its query.
        headers: Names in small letters.
        body: JSON.
    """

    path: str
    headers: dict[str, str]
    body: bytes


def outgoing(provider: Provider, body: Mapping[str, Any], key: str) -> Outgoing:
    """Return what a provider is sent.

    Args:
        provider: Whose dialect it is put in.
        body: A chat completion's, as OpenAI takes it; its model is replaced.
        key: Of the provider.
    """
    headers = dict([_JSON, DIALECTS[provider.dialect].authorize(key)])
    if provider.dialect == "anthropic":
        headers["anthropic-version"] = "2023-06-01"
        return Outgoing("/v1/messages", headers, encoded(_anthropic(provider.model, body)))
    if provider.dialect == "gemini":
        method = "streamGenerateContent?alt=sse" if body["stream"] else "generateContent"
        path = f"/v1beta/models/{quote(provider.model, safe='')}:{method}"
        return Outgoing(path, headers, encoded(_gemini(body)))
    if body["stream"]:  # or nobody would know what it cost
        body = {**body, "stream_options": {"include_usage": True}}
    if provider.dialect == "azure":
        path = f"/openai/deployments/{quote(provider.model, safe='')}/chat/completions?api-version={AZURE_API_VERSION}"
        return Outgoing(path, headers, encoded({**body, "model": provider.model}))
    return Outgoing(_PATHS[provider.dialect], headers, encoded({**body, "model": provider.model}))


def encoded(data: Any) -> bytes:
    """Return JSON."""
    try:
        return encode(data)
    except (UnicodeError, OverflowError):  # a caller's half a character, or a number of 30 digits: not ours to refuse
        return json.dumps(data, separators=(",", ":")).encode()


def _split(body: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """Return what the system says, and the other messages."""
    system = [str(message.get("content", "")) for message in body["messages"] if message.get("role") == "system"]
    return "\n".join(system), [message for message in body["messages"] if message.get("role") != "system"]


def _anthropic(model: str, body: Mapping[str, Any]) -> dict[str, Any]:
    system, messages = _split(body)
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": body.get("max_tokens") or _MAX_TOKENS,
        "messages": messages,
        "stream": body["stream"],
    }
    return {**asked, "system": system} if system else asked


def _gemini(body: Mapping[str, Any]) -> dict[str, Any]:
    system, messages = _split(body)
    asked: dict[str, Any] = {
        "contents": [
            {"role": "model" if message.get("role") == "assistant" else "user", "parts": [{"text": message["content"]}]}
            for message in messages
        ]
    }
    if system:
        asked["systemInstruction"] = {"parts": [{"text": system}]}
    if body.get("max_tokens"):
        asked["generationConfig"] = {"maxOutputTokens": body["max_tokens"]}
    return asked
