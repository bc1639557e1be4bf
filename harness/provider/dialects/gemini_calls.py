"""Calls of tools in Gemini's answers: each is one part, and whole; in a stream too."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

from harness.provider.dialects import histories, wire
from harness.provider.dialects.common import quoted
from harness.provider.mocked_calls import MockCall
from harness.provider.tools import ToolCall


def written(made: Sequence[MockCall], *, first: bool = True) -> str:
    """Return the parts with calls. The first of an answer has the signature of the thoughts behind all of them."""
    parts = [
        f'{{"functionCall":{{"name":{quoted(call.name)},"args":{call.arguments},"id":"{call.digits[:8]}"}}'
        for call in made
    ]
    if first:
        parts[0] += f',"thoughtSignature":"{b64encode(made[0].digits.encode()).decode()}"'
    return ",".join(f"{part}}}" for part in parts)


def read(candidate: dict[str, Any]) -> Iterator[ToolCall]:
    """Give a candidate's calls; each is whole."""
    for part in wire.objects(wire.as_object(candidate.get("content")).get("parts")):
        if call := wire.as_object(part.get("functionCall")):
            name, id_ = wire.text_of(call.get("name")), wire.text_of(call.get("id"))
            signature = wire.text_of(part.get("thoughtSignature"))
            yield ToolCall(name, histories.dumped(call.get("args")), id_, signature=signature)
