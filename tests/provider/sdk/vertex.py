"""Vertex AI: Google's and Anthropic's clients, and the login that google-auth makes for LiteLLM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

import anthropic
from google import genai
from google.auth.credentials import Credentials
from google.genai import types
from google.oauth2.credentials import Credentials as UserCredentials

from harness.provider.dialects.vertex_ai import VERTEX_AI

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


def litellm_params() -> dict[str, str]:
    """Return what the harness gives a deployment of LiteLLM."""
    assert VERTEX_AI.litellm is not None
    return dict(VERTEX_AI.litellm.defaults)


@contextmanager
def logged_in() -> Iterator[None]:
    """Exchange a user's login for a token without a call: the harness answers it in the chain's process alone."""

    def refresh(self: UserCredentials, _request: Any) -> None:
        self.token, self.expiry = "no-key", datetime(2999, 1, 1)  # noqa: DTZ001 -- google-auth's have no time zone

    with patch.object(UserCredentials, "refresh", refresh):
        yield
