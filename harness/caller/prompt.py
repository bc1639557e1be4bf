"""What callers send: a chat request of about the scenario's length, which names its request."""

from __future__ import annotations

import json
from typing import Any

from harness.provider.marker import Marker
from harness.scenario.schema import Load

_WORDS = (
    "please",
    "say",
    "how",
    "the",
    "chain",
    "will",
    "do",
    "when",
    "one",
    "part",
    "of",
    "it",
    "is",
    "down",
    "today",
)
_MARKER_TOKENS = 14
"""About what a marker costs in tokens; the words above cost one each."""


class Prompt:
    """Request bodies of one run.

    All but the marker and the model is the same in each of them, so it is encoded once: a prompt may be long.

    Args:
        token: The run's own.
        load: `prompt` or `prompt_tokens`, and `max_tokens` count.
    """

    def __init__(self, token: str, load: Load) -> None:
        self._token = token
        self._load = load
        count = max(1, load.prompt_tokens - _MARKER_TOKENS)
        self._words = load.prompt or " ".join(_WORDS[place % len(_WORDS)] for place in range(count))
        self._parts: dict[tuple[str, bool], tuple[bytes, bytes]] = {}

    def body(self, request_id: str, *, model: str, streaming: bool) -> bytes:
        """Return the JSON body of one request."""
        parts = self._parts.get((model, streaming))
        if parts is None:
            parts = self._parts[model, streaming] = self._split(model, streaming)
        marker = str(Marker(request_id, self._token)).encode()
        return marker.join(parts)

    def _split(self, model: str, streaming: bool) -> tuple[bytes, bytes]:
        """Return the JSON before and after the marker, which JSON does not escape and which ends the first field."""
        request = self._request("", model, streaming)
        body = json.dumps(request)
        place = len(json.dumps({"messages": request["messages"]})) - len('"}]}')
        return body[:place].encode(), body[place:].encode()

    def request(self, request_id: str, *, model: str, streaming: bool) -> dict[str, Any]:
        """Return the body of one request as plain data."""
        return self._request(str(Marker(request_id, self._token)), model, streaming)

    def _request(self, marker: str, model: str, streaming: bool) -> dict[str, Any]:
        request: dict[str, Any] = {
            "messages": [{"role": "user", "content": f"{self._words} {marker}"}],
            "model": model,
        }
        if self._load.max_tokens is not None:
            request["max_tokens"] = self._load.max_tokens
        if streaming:
            request["stream"] = True
            request["stream_options"] = {"include_usage": True}
        return request
