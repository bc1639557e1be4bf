"""A request of OpenAI's API, as it is sent to a provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.provider.dialects import dialect_of
from harness.provider.dialects.declaration import EmbeddingForm
from harness.provider.kinds import Api
from harness.provider.spec import Provider
from harness.store import encode

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


def outgoing(provider: Provider, api: Api, body: Mapping[str, Any], key: str) -> Outgoing:
    """Return the request to a provider.

    Args:
        provider: Its dialect decides the format.
        api: `chat`, or `embeddings`.
        body: In OpenAI's format; its model is replaced.
        key: Of the provider.
    """
    dialect = dialect_of(provider)
    write = embedding_form(provider).request if api == "embeddings" else dialect.request
    written = write(provider.model, body)
    own = ((name.lower(), value) for name, value in provider.headers.items())
    headers = dict([_JSON, dialect.authorize(key), *written.headers, *own])
    return Outgoing(written.path, headers, encoded(written.body))


def embedding_form(provider: Provider) -> EmbeddingForm:
    """Return how a provider embeds texts, which it does: a request for embeddings goes to no other one."""
    form = dialect_of(provider).embed
    assert form is not None
    return form


def encoded(data: Any) -> bytes:
    """Return JSON."""
    try:
        return encode(data)
    except (UnicodeError, OverflowError):  # a caller's half a character, or a number of 30 digits: not ours to refuse
        return json.dumps(data, separators=(",", ":")).encode()
