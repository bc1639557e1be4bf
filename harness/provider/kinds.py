"""The kinds of request that callers make, and at which of OpenAI's or Anthropic's addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["chat", "tools", "conversation", "embeddings", "responses", "messages"]
"""What a caller asks for: a text, calls of tools, several turns with tools, vectors, a text of OpenAI's responses, or of Anthropic's
messages."""

Api = Literal["chat", "embeddings", "responses", "messages"]
"""In whose form it is asked for."""

API: Mapping[Kind, Api] = {
    "chat": "chat",
    "tools": "chat",
    "conversation": "chat",
    "embeddings": "embeddings",
    "responses": "responses",
    "messages": "messages",
}
"""The form of each kind."""

PATHS: Mapping[Api, str] = {
    "chat": "/chat/completions",
    "embeddings": "/embeddings",
    "responses": "/responses",
    "messages": "/messages",
}
"""The address of each form, below `/v1`."""
