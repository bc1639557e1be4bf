"""Bedrock's embeddings by InvokeModel: those of Amazon's Titan, which embeds one text in each call, and of Cohere's models.

Titan's bodies are those of https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from harness.provider.answer import Call
from harness.provider.dialects import cohere_embeddings, embeddings
from harness.provider.dialects.common import MockAnswer
from harness.provider.dialects.declaration import EmbeddingForm, WrittenRequest
from harness.provider.vectors import ENCODINGS

_FIRST, _SECOND = "titan-v1", "titan-v2"
_OF_SECOND = frozenset({"dimensions", "normalize", "embeddingTypes"})
_OF_CHATS = "titan-text"
"""In the names of Titan's models that write: they take `inputText` too."""
_BINARY = {"float": "float", "binary": "bits"}


def parse(model: str, data: Mapping[str, Any]) -> Call | None:
    """Return the call that a body is; None if it asks for no embeddings. A model's ARN need not say which model it is."""
    if "inputText" in data and "textGenerationConfig" not in data and _OF_CHATS not in model:
        first = not _OF_SECOND & data.keys() and ("v1" in model or "g1" in model)
        return embeddings.understood(
            model,
            [data["inputText"]],
            dimensions=data.get("dimensions"),
            encodings=data.get("embeddingTypes"),
            known=tuple(_BINARY),
            form=_FIRST if first else _SECOND,
        )
    return cohere_embeddings.understood(model, data, "") if "embed" in model or "input_type" in data else None


def answer(mock: MockAnswer, call: Call) -> bytes:
    """Return the body of an answer."""
    if not call.form:
        return cohere_embeddings.answer(mock, call)
    text = mock.vectors[0]
    number = f'"embedding":{ENCODINGS["float"](text)},"inputTextTokenCount":{call.prompt_tokens}'
    if call.form == _FIRST:
        return f"{{{number}}}".encode()
    by_type = ",".join(f'"{each}":{ENCODINGS[_BINARY[each]](text)}' for each in call.encodings or ("float",))
    return f'{{{number},"embeddingsByType":{{{by_type}}}}}'.encode()


def _request(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    path = f"/model/{quote(model, safe='')}/invoke"
    if "titan" not in model:
        return WrittenRequest(path, (), cohere_embeddings.body_of(body))
    options = embeddings.dimensions_as("dimensions", body)
    return WrittenRequest(path, (), {"inputText": embeddings.texts_of(body)[0], **options})


FORM = EmbeddingForm(
    request=_request, batches=lambda model: "titan" not in model, read=embeddings.read, fewer=embeddings.fewer
)
