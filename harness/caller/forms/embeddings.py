"""OpenAI's embeddings."""

from __future__ import annotations

from typing import Any

from harness.caller.answer import AnswerForm, Asked, Reading, shape, usage, whole, wrong_shape
from harness.provider import vectors
from harness.provider.dialects.wire import load


def _request(asked: Asked) -> dict[str, Any]:
    return {"input": list(asked.texts) if len(asked.texts) > 1 else asked.texts[0], "model": asked.model}


def read_plain(body: bytes) -> Reading:
    """Return the reading of an answer: its text is what its vectors spell, in the order in which they came."""
    answer = load(body)
    listed = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not listed:
        return wrong_shape(shape(body, answer, "no vectors"))
    found = [_vector(each.get("embedding") if isinstance(each, dict) else None) for each in listed]
    if None in found:
        return wrong_shape("an embedding is no list of numbers")
    tokens_in, _out = usage(answer, "prompt_tokens", "completion_tokens")
    return whole(vectors.text_of([each or () for each in found]), tokens=(tokens_in, 0))


def _vector(value: Any) -> tuple[float, ...] | None:
    if isinstance(value, str):
        return vectors.unpacked(value)
    if isinstance(value, list) and value and all(type(number) in (int, float) for number in value):
        return tuple(value)
    return None


FORM = AnswerForm(headers={}, request=_request, plain=read_plain, stream=None)
