"""Embeddings: OpenAI's form, which several providers use, and what the forms of all vendors share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from harness.provider.answer import Answer, Call
from harness.provider.dialects import calls, common, wire
from harness.provider.dialects.common import MockAnswer, quoted
from harness.provider.dialects.declaration import Embedded, EmbeddingForm, WrittenRequest
from harness.provider.reply import Headers
from harness.provider.spec import Provider
from harness.provider.vectors import ENCODINGS, unpacked

API = "embeddings"
PATH_END = "/embeddings"

_INPUTS_MAX = 2048
_DIMENSIONS_MAX = 4096
_CHARS_PER_TOKEN = 4


def parse(body: bytes, *, model: str | None = None) -> Call:
    """Return the call in a request's body in OpenAI's form.

    Args:
        body: As received.
        model: Named by the address, where the body need not name one.
    """
    data = calls.load(body)
    if data is None:
        return refused(model)
    encoding = data.get("encoding_format")
    return understood(
        model or data.get("model"),
        data.get("input"),
        dimensions=data.get("dimensions"),
        encodings=None if encoding is None else [encoding],
        known=("float", "base64"),
    )


def understood(
    model: object,
    texts: object,
    *,
    dimensions: object = None,
    encodings: object = None,
    known: tuple[str, ...] = ("float",),
    form: str = "",
) -> Call:
    """Return the call that asks for the embeddings of some texts; a refused one where a field is wrong.

    Args:
        model: Its name.
        texts: A text, or a list of them; a list of tokens is a text.
        dimensions: Of each vector; None where the caller does not say.
        encodings: How they are to be written; None where the caller does not say.
        known: The encodings that the vendor has.
        form: As in `Call`.
    """
    named = calls.understood({"model": model, "messages": []}, None, calls.CHAT)
    lengths = _lengths(texts)
    wanted = [] if encodings is None else encodings
    if named.problem is not None or not 0 < len(lengths) <= _INPUTS_MAX or None in lengths:
        return refused(named.model)
    if not isinstance(wanted, list) or any(each not in known for each in wanted):
        return refused(named.model)
    if dimensions is not None and not (type(dimensions) is int and 0 < dimensions <= _DIMENSIONS_MAX):
        return refused(named.model)
    return Call(
        model=named.model,
        prompt_tokens=sum(length or 0 for length in lengths),
        api=API,
        inputs=len(lengths),
        dimensions=dimensions if type(dimensions) is int else None,
        encodings=tuple(wanted),
        form=form,
    )


def refused(model: str | None) -> Call:
    """Return a call that asks for embeddings and that no provider takes."""
    return Call(model=model, problem="invalid_request", api=API)


def _lengths(texts: object) -> list[int | None]:
    """Return how many tokens each text has, about; None for what is no text."""
    if not isinstance(texts, list):
        return [_length(texts)]
    if texts and all(type(each) is int for each in texts):
        return [len(texts)]
    return [_length(each) for each in texts]


def _length(text: object) -> int | None:
    if isinstance(text, str) and text:
        return max(1, len(text) // _CHARS_PER_TOKEN)
    return len(text) if isinstance(text, list) and text and all(type(each) is int for each in text) else None


def answer(provider: Provider, mock: MockAnswer, call: Call, headers: Headers, *, named: bool = False) -> Answer:
    """Return the answer of a healthy provider in OpenAI's form.

    Args:
        provider: Its entry in the chain file.
        mock: Its vectors.
        call: As parsed.
        headers: Of the answer.
        named: Whether it has an id and counts the tokens of its text, which are none, as vLLM's and Mistral's have and do.
    """
    body = _body(quoted(call.model or provider.model), mock, call, named=named)
    return common.plain(provider.reply, mock, call, headers, body)


def _body(model: str, mock: MockAnswer, call: Call, *, named: bool) -> bytes:
    write = ENCODINGS[next(iter(call.encodings), "float")]
    data = ",".join(
        [
            f'{{"object":"embedding","index":{place},"embedding":{write(text)}}}'
            for place, text in enumerate(mock.vectors)
        ]
    )
    name, none = (f'"id":"embd-{mock.sha256[:32]}",', ',"completion_tokens":0') if named else ("", "")
    usage = f'{{"prompt_tokens":{call.prompt_tokens}{none},"total_tokens":{call.prompt_tokens}}}'
    return f'{{{name}"object":"list","data":[{data}],"model":{model},"usage":{usage}}}'.encode()


def listed(mock: MockAnswer, encoding: str = "float") -> str:
    """Return the vectors of an answer as a list of lists in JSON."""
    return f"[{','.join(map(ENCODINGS[encoding], mock.vectors))}]"


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """Return the texts that a body of OpenAI's API asks to embed."""
    asked = body["input"]
    return [asked] if isinstance(asked, str) else list(asked)


def dimensions_as(name: str, body: Mapping[str, Any]) -> dict[str, int]:
    """Return the wanted dimensions by a vendor's name of them; nothing where the caller does not say."""
    return {name: body["dimensions"]} if body.get("dimensions") else {}


def read(body: bytes) -> Embedded:
    """Return the content of a plain success, whoever's it is."""
    data = wire.as_object(wire.load(body))
    found = [vector for entry in next(iter(_lists(data)), [data.get("embedding")]) if (vector := _vector(entry))]
    return Embedded(tuple(found), _tokens(data))


def fewer(body: bytes) -> bytes:
    """Return the body of a success without its last vector, whoever's it is. One that can only have one gets an empty one."""
    data = wire.as_object(wire.load(body))
    lists = [each for each in _lists(data) if each]
    if not lists and not data.get("embedding"):
        return body
    for each in lists:
        each.pop()
    if not lists:
        data["embedding"] = {"values": []} if isinstance(data["embedding"], dict) else []
        data.pop("embeddingsByType", None)
    return json.dumps(data, separators=(",", ":")).encode()


def _lists(data: Mapping[str, Any]) -> list[list[Any]]:
    """Return the list of vectors of an answer; several where it has the vectors in several encodings, numbers first."""
    found = next((data[name] for name in ("data", "embeddings", "predictions") if name in data), None)
    if isinstance(found, dict):
        found = [value for _, value in sorted(found.items(), key=lambda item: item[0] != "float")]
        return [each for each in found if isinstance(each, list)]
    return [found] if isinstance(found, list) else []


def _vector(entry: Any) -> tuple[float, ...] | None:
    """Return the vector of an entry: a list of numbers, base64, or an object around either."""
    if isinstance(entry, dict):
        inside = next((entry[name] for name in ("embedding", "values", "embeddings") if name in entry), None)
        return None if inside is None else _vector(inside)
    if isinstance(entry, str):
        return unpacked(entry)
    if not isinstance(entry, list) or not all(type(number) in (int, float) for number in entry):
        return None
    return tuple(entry)


def _tokens(data: Mapping[str, Any]) -> int | None:
    """Return the tokens that are billed."""
    usage, google = wire.as_object(data.get("usage")), wire.as_object(data.get("usageMetadata"))
    billed = wire.as_object(wire.as_object(data.get("meta")).get("billed_units"))
    stated = (
        usage.get("prompt_tokens"),
        google.get("promptTokenCount"),
        billed.get("input_tokens"),
        data.get("prompt_eval_count"),
        data.get("inputTextTokenCount"),
    )
    counts = [count for value in stated if (count := wire.count_of(value)) is not None]
    if counts:
        return counts[0]
    parts = [wire.as_object(entry.get("embeddings")) for entry in wire.objects(data.get("predictions"))]
    of_each = [wire.count_of(wire.as_object(part.get("statistics")).get("token_count")) for part in parts]
    return sum(count or 0 for count in of_each) if of_each else None


def batches(_model: str) -> bool:
    """Return True: every model takes several texts in one call."""
    return True


def form(path: str) -> EmbeddingForm:
    """Return OpenAI's form at a path."""
    return EmbeddingForm(request=partial(_request, path), batches=batches, read=read, fewer=fewer)


def _request(path: str, model: str, body: Mapping[str, Any]) -> WrittenRequest:
    asked = {"model": model, "input": body["input"], "encoding_format": "float"}
    return WrittenRequest(path, (), {**asked, **dimensions_as("dimensions", body)})
