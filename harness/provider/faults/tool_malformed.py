"""The arguments of every call of a tool lose half of their text, so that they are no JSON; the answer ends well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.provider.dialects import wire
from harness.provider.fault_kind import ActsOnAnswer, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext
from harness.provider.reply import Send, Step

_NAMES = ("arguments", "partial_json")
"""The fields that hold arguments as text, of OpenAI's formats and Anthropic's."""
_DELTA = "response.function_call_arguments.delta"


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Send each piece of arguments without its second half: whatever the pieces are, the last brace is missing."""
    if not (progress.fine and isinstance(step, Send)):
        return progress, (step,)
    if progress.stream:
        framing = context.dialect.framing
        data = b"".join(framing.changed(event, _halved) for event in framing.events(step.data))
    else:
        data = _plain(step.data)
    if data == step.data:
        return progress, (step,)
    return progress._replace(fired=True), (replace(step, data=data),)


def _plain(body: bytes) -> bytes:
    """Return a body whose arguments are halved, of the same length: its headers have left."""
    data = wire.load(body)
    made = _halved(data)
    if made == data:
        return body
    text = json.dumps(made, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return text.ljust(len(body)) if len(text) <= len(body) else body


def _halved(data: Any) -> Any:
    """Return JSON with the arguments in it halved, wherever they are."""
    if isinstance(data, list):
        return [_halved(item) for item in data]
    if not isinstance(data, dict):
        return data
    made = {name: _half(value) if name in _NAMES else _halved(value) for name, value in data.items()}
    if data.get("type") == _DELTA:
        made["delta"] = _half(data.get("delta"))
    used = made.get("toolUse")
    if isinstance(used, dict) and isinstance(used.get("input"), str):  # a piece of Converse's
        made["toolUse"] = {**used, "input": _half(used["input"])}
    return made


def _half(value: Any) -> Any:
    return value[: len(value) // 2] if isinstance(value, str) else _halved(value)


TOOL_MALFORMED = FaultKind(
    kind="tool_malformed",
    written=("answer: tool_malformed",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=change,
        streams_only=False,
        outcome="malformed",
        error_code=no_error,
        withholds_text=False,
    ),
    ends_by=None,
    kills=never,
    fails=True,
    merely_slows=False,
    words=phrases(did="sent arguments of tools that are no JSON", one="malformed call", many="malformed calls"),
    meets="each piece of a tool call's arguments without its second half, so that they are no JSON; the answer ends with success",
    meets_plain="the same, where the vendor sends arguments as text",
    examples=(),
)
