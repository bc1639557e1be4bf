"""Cohere's embeddings: both versions of its own API, and Bedrock's InvokeModel, whose bodies are those of the first.

Bodies are those of https://docs.cohere.com/reference/embed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.provider.answer import Call
from harness.provider.dialects import calls, common, embeddings, wire
from harness.provider.dialects.common import MockAnswer
from harness.provider.dialects.declaration import EmbeddingForm, WrittenRequest

PATH = "/v2/embed"
FIRST_PATH = "/v1/embed"
_ENCODINGS = ("float", "base64", "int8", "uint8", "binary", "ubinary")
_VERSIONS = {PATH: "2", FIRST_PATH: "1"}


def parse(path: str, body: bytes) -> Call:
    """Return the call at one of the paths of Cohere's own API."""
    data = calls.load(body)
    return embeddings.refused(None) if data is None else understood(data.get("model"), data, _VERSIONS[path])


def understood(model: object, data: Mapping[str, Any], form: str) -> Call:
    """Return the call that a body is, of one version or the other."""
    texts = data.get("texts")
    if texts is None:  # the second version has contents of several parts, too
        texts = [wire.text_of(each.get("content")) for each in wire.objects(data.get("inputs"))]
    return embeddings.understood(
        model,
        texts,
        dimensions=data.get("output_dimension"),
        encodings=data.get("embedding_types"),
        known=_ENCODINGS,
        form=form,
    )


def answer(mock: MockAnswer, call: Call) -> bytes:
    """Return the body of an answer: the vectors by encoding, or those of the first version as a bare list."""
    bare = call.form != _VERSIONS[PATH] and not call.encodings
    by_encoding = ",".join(
        f'"{encoding}":{embeddings.listed(mock, encoding)}' for encoding in call.encodings or ("float",)
    )
    vectors = embeddings.listed(mock) if bare else f"{{{by_encoding}}}"
    kind = "embeddings_floats" if bare else "embeddings_by_type"
    billed = ""
    if call.form:  # Bedrock has the tokens in a header
        counted = f'"billed_units":{{"input_tokens":{call.prompt_tokens}}}'
        billed = f',"meta":{{"api_version":{{"version":"{call.form}"}},{counted}}}'
    return (
        f'{{"id":"{common.uuid(mock.sha256)}","texts":[],"embeddings":{vectors}{billed},"response_type":"{kind}"}}'
    ).encode()


def body_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Cohere's models are asked for, given the body of OpenAI's API."""
    return {
        "texts": embeddings.texts_of(body),
        "input_type": "search_document",
        "embedding_types": ["float"],
        **embeddings.dimensions_as("output_dimension", body),
    }


def _request(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    return WrittenRequest(PATH, (), {"model": model, **body_of(body)})


FORM = EmbeddingForm(request=_request, batches=embeddings.batches, read=embeddings.read, fewer=embeddings.fewer)
