"""Vertex AI: Google's and Anthropic's clients."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import anthropic
from google import genai
from google.auth.credentials import Credentials
from google.genai import types

_PLACE: Any = {"project": "p", "location": "global"}


class _Static(Credentials):
    """A token that never expires."""

    def __init__(self) -> None:
        super().__init__()
        self.token = "no-key"

    def refresh(self, request: Any) -> None:
        """Keep it."""


def gemini(host: str, stack: AsyncExitStack) -> genai.Client:
    """Return Google's client, which tries once."""
    options = types.HttpOptions(base_url=host, retry_options=types.HttpRetryOptions(attempts=1))
    client = genai.Client(vertexai=True, credentials=_Static(), http_options=options, **_PLACE)
    stack.push_async_callback(client.aio.aclose)
    stack.callback(client.close)
    return client


def claude(host: str) -> anthropic.AsyncAnthropicVertex:
    """Return Anthropic's client, which tries once."""
    return anthropic.AsyncAnthropicVertex(
        region="global", project_id="p", access_token="no-key", base_url=f"{host}/v1", max_retries=0
    )
