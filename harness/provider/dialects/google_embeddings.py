"""Google's embeddings: those of the Gemini API, which Vertex AI has too, and Vertex AI's predictions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from harness.provider.answer import Call
from harness.provider.dialects import calls, embeddings, wire
from harness.provider.dialects.common import MockAnswer
from harness.provider.dialects.declaration import EmbeddingForm, WrittenRequest
from harness.provider.vectors import ENCODINGS

VERBS = "embedContent|batchEmbedContents|predict"
"""What the path of a call ends in: one text, several, or those of Vertex AI's own form."""
_ONE, _SEVERAL, _PREDICTED = VERBS.split("|")
_DIMENSIONS = "outputDimensionality"
_WITH_CONTENT = "gemini-embedding-2"
"""What the names of models begin with that Vertex AI asks by `embedContent`, one text at a time."""


def parse(model: str, verb: str, body: bytes) -> Call:
    """Return the call at an address that names the model and one of VERBS."""
    data = calls.load(body)
    if data is None:
        return embeddings.refused(model)
    if verb == _PREDICTED:
        texts = [each.get("content", each.get("prompt")) for each in wire.objects(data.get("instances"))]
        options = wire.as_object(data.get("parameters"))
    else:
        requests = [data] if verb == _ONE else wire.objects(data.get("requests"))
        texts = [wire.text_of(wire.as_object(each.get("content")).get("parts")) for each in requests]
        options = next(iter(requests), {})
        options = wire.as_object(options.get("embedContentConfig")) or options
    wanted = options.get(_DIMENSIONS, options.get("output_dimensionality"))
    return embeddings.understood(model, texts, dimensions=wanted, form=verb)


def answer(mock: MockAnswer, call: Call) -> bytes:
    """Return the body of an answer."""
    values = [f'"values":{ENCODINGS["float"](text)}' for text in mock.vectors]
    if call.form == _PREDICTED:
        each, more = divmod(call.prompt_tokens, call.inputs)
        counts = [each + (place < more) for place in range(call.inputs)]
        entries = [
            f'{{"embeddings":{{{vector},"statistics":{{"token_count":{count},"truncated":false}}}}}}'
            for vector, count in zip(values, counts, strict=True)
        ]
        return f'{{"predictions":[{",".join(entries)}],"metadata":{{"billableCharacterCount":{call.prompt_tokens * 4}}}}}'.encode()
    usage = f'"usageMetadata":{{"promptTokenCount":{call.prompt_tokens},"totalTokenCount":{call.prompt_tokens}}}'
    if call.form == _ONE:
        return f'{{"embedding":{{{values[0]}}},{usage}}}'.encode()
    entries = [f"{{{vector}}}" for vector in values]
    return f'{{"embeddings":[{",".join(entries)}],{usage}}}'.encode()


def gemini(base: str) -> EmbeddingForm:
    """Return the form of the Gemini API, given what its paths begin with."""
    return EmbeddingForm(
        request=partial(_batch, base), batches=embeddings.batches, read=embeddings.read, fewer=embeddings.fewer
    )


def vertex(base: str) -> EmbeddingForm:
    """Return Vertex AI's form, given what the paths of its models begin with."""
    return EmbeddingForm(
        request=partial(_vertex, base),
        batches=lambda model: not model.startswith(_WITH_CONTENT),
        read=embeddings.read,
        fewer=embeddings.fewer,
    )


def _content(text: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": {"parts": [{"text": text}]}, **embeddings.dimensions_as(_DIMENSIONS, body)}


def _batch(base: str, model: str, body: Mapping[str, Any]) -> WrittenRequest:
    asked = [{"model": f"models/{model}", **_content(text, body)} for text in embeddings.texts_of(body)]
    return WrittenRequest(f"{base}/models/{quote(model, safe='')}:{_SEVERAL}", (), {"requests": asked})


def _vertex(base: str, model: str, body: Mapping[str, Any]) -> WrittenRequest:
    path = f"{base}/{quote(model, safe='@')}"
    texts = embeddings.texts_of(body)
    if model.startswith(_WITH_CONTENT):
        return WrittenRequest(f"{path}:{_ONE}", (), _content(texts[0], body))
    options = embeddings.dimensions_as(_DIMENSIONS, body)
    asked: dict[str, Any] = {"instances": [{"content": text} for text in texts]}
    return WrittenRequest(f"{path}:{_PREDICTED}", (), {**asked, "parameters": options} if options else asked)
