"""Ollama's embeddings: `/api/embed`, and `/api/embeddings`, which it had before and which takes one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.provider.answer import Call
from harness.provider.dialects import calls, embeddings, wire
from harness.provider.dialects.common import MockAnswer
from harness.provider.dialects.declaration import EmbeddingForm, WrittenRequest
from harness.provider.vectors import ENCODINGS

PATH = "/api/embed"
OLD_PATH = "/api/embeddings"
_OLD = "one"


def parse(path: str, body: bytes) -> Call:
    """Return the call at one of the two paths."""
    data = calls.load(body)
    if data is None:
        return embeddings.refused(None)
    old = path == OLD_PATH
    wanted = data.get("dimensions") or wire.as_object(data.get("options")).get("dimensions")
    texts = [data.get("prompt")] if old else data.get("input")
    return embeddings.understood(data.get("model"), texts, dimensions=wanted, form=_OLD if old else "")


def answer(model: str, ttft_ns: int, mock: MockAnswer, call: Call) -> bytes:
    """Return the body of an answer.

    Args:
        model: As JSON.
        ttft_ns: How long it took, in nanoseconds.
        mock: Its vectors.
        call: As parsed.
    """
    if call.form == _OLD:
        return f'{{"embedding":{ENCODINGS["float"](mock.vectors[0])}}}'.encode()
    return (
        f'{{"model":{model},"embeddings":{embeddings.listed(mock)},"total_duration":{ttft_ns},"load_duration":0,'
        f'"prompt_eval_count":{call.prompt_tokens}}}'
    ).encode()


def _request(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    asked: dict[str, Any] = {"model": model, "input": body["input"]}
    return WrittenRequest(PATH, (), {**asked, **embeddings.dimensions_as("dimensions", body)})


FORM = EmbeddingForm(request=_request, batches=embeddings.batches, read=embeddings.read, fewer=embeddings.fewer)
