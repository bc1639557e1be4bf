"""What Anthropic, Bedrock's Converse and Gemini refuse in a conversation. Each returns the first rule that a body breaks.

The words are those of recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from harness.provider.answer import Violation
from harness.provider.dialects import wire

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_ID_MAX = 64
_ANTHROPIC = {"tool_use": "id", "tool_result": "tool_use_id"}
"""The blocks that name calls, and the field with the name."""
_SIGNED = re.compile(r"gemini-(?:[3-9]|\d\d)")
"""Models that want their thought signatures back: https://ai.google.dev/gemini-api/docs/thought-signatures."""

Message = Mapping[str, Any]


def of_anthropic(data: Message) -> Violation | None:
    """Return the rule of Anthropic's that a request breaks. Messages of one role in a row are one turn."""
    if "max_tokens" not in data:
        return Violation("max_tokens: Field required")
    messages = wire.objects(data.get("messages"))
    for place, message in enumerate(messages):
        role = message.get("role")
        if role not in ("user", "assistant"):
            return _anthropic_role(role)
        if type(message.get("content")) is not str and (broken := _anthropic_ids(place, message)):
            return broken
    return _anthropic_pairs(messages) if any(type(message.get("content")) is not str for message in messages) else None


def _anthropic_role(role: object) -> Violation:
    if role == "system":
        return Violation(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input '
            "message role."
        )
    return Violation(f'messages: Unexpected role "{role}". Allowed roles are "user" or "assistant"')


def _anthropic_ids(place: int, message: Message) -> Violation | None:
    for number, block in enumerate(wire.objects(message.get("content"))):
        field = _ANTHROPIC.get(str(block.get("type")))
        if field is not None and not _ID.fullmatch(wire.text_of(block.get(field))):
            where = f"messages.{place}.content.{number}.{block['type']}.{field}"
            return Violation(f"{where}: String should match pattern '^[a-zA-Z0-9_-]+$'")
    return None


def _anthropic_pairs(messages: list[dict[str, Any]]) -> Violation | None:
    """Return the rule of calls and results: all results of a turn's calls begin the next turn, and there are no others."""
    turns: list[tuple[Any, list[tuple[int, int, dict[str, Any]]]]] = []
    for place, message in enumerate(messages):
        blocks = [(place, number, block) for number, block in enumerate(wire.objects(message.get("content")))]
        blocks = blocks or [(place, 0, {})]  # a text
        if turns and turns[-1][0] == message.get("role"):
            turns[-1][1].extend(blocks)
        else:
            turns.append((message.get("role"), blocks))
    asked: list[str] = []
    asked_at = 0
    for _role, blocks in [*turns, (None, [])]:
        begins = True
        answered: list[str] = []
        for place, number, block in blocks:
            begins = begins and block.get("type") == "tool_result"
            if block.get("type") != "tool_result":
                continue
            name = wire.text_of(block.get("tool_use_id"))
            if name not in asked:
                return Violation(
                    f"messages.{place}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {name}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
            answered += [name] if begins else []
        if missing := [name for name in asked if name not in answered]:
            return Violation(
                f"messages.{asked_at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            )
        calls = [
            (place, wire.text_of(block.get("id"))) for place, _, block in blocks if block.get("type") == "tool_use"
        ]
        asked, asked_at = [name for _, name in calls], calls[-1][0] if calls else 0
    return None


def of_converse(data: Message) -> Violation | None:
    """Return the rule of Bedrock's that a call of Converse breaks."""
    messages = wire.objects(data.get("messages"))
    if messages and messages[0].get("role") != "user":
        return Violation(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message."
        )
    roles = [message.get("role") for message in messages]
    if any(role == then for role, then in pairwise(roles)):
        return Violation(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and "
            "assistant roles and try again."
        )
    return _converse_pairs(messages, defined=bool(data.get("toolConfig")))


def _converse_pairs(messages: list[dict[str, Any]], *, defined: bool) -> Violation | None:
    asked: list[str] = []
    for place, message in enumerate([*messages, {}]):
        blocks = wire.objects(message.get("content"))
        used, results = (_named(blocks, kind) for kind in ("toolUse", "toolResult"))
        for number, kind, name in (*used, *results):
            if not defined:
                return Violation(
                    "The toolConfig field must be defined when using toolUse and toolResult content blocks."
                )
            if broken := _converse_id(
                f"messages.{place + 1}.member.content.{number + 1}.member.{kind}.toolUseId", name
            ):
                return broken
        if len(results) > len(asked):
            words = f"The number of toolResult blocks at messages.{place}.content exceeds the number of toolUse blocks of previous turn."
            return Violation(words)
        if missing := [name for name in asked if name not in [each[2] for each in results]]:
            words = (
                f"Expected toolResult blocks at messages.{place}.content for the following Ids: {', '.join(missing)}"
            )
            return Violation(words)
        asked = [name for _, _, name in used]
    return None


def _named(blocks: list[dict[str, Any]], kind: str) -> list[tuple[int, str, str]]:
    return [
        (number, kind, wire.text_of(wire.as_object(block[kind]).get("toolUseId")))
        for number, block in enumerate(blocks)
        if kind in block
    ]


def _converse_id(where: str, name: str) -> Violation | None:
    start = f"1 validation error detected: Value '{name}' at '{where}' failed to satisfy constraint: Member must "
    if not _ID.fullmatch(name):
        return Violation(f"{start}satisfy regular expression pattern: [a-zA-Z0-9_-]+")
    return Violation(f"{start}have length less than or equal to {_ID_MAX}") if len(name) > _ID_MAX else None


def of_gemini(model: str, data: Message) -> Violation | None:
    """Return the rule of Gemini's that contents break. A turn may be split into several contents of one role."""
    turns: list[tuple[str, list[dict[str, Any]]]] = []
    for content in wire.objects(data.get("contents")):
        role = str(content.get("role") or "user")
        if role not in ("user", "model", "function"):
            return Violation("Please use a valid role: user, model.")
        side = "model" if role == "model" else "user"
        parts = wire.objects(content.get("parts"))
        if turns and turns[-1][0] == side:
            turns[-1][1].extend(parts)
        else:
            turns.append((side, parts))
    asked = 0
    for place, (side, parts) in enumerate(turns):
        calls, answers = (
            _count(parts, "functionCall", "function_call"),
            _count(parts, "functionResponse", "function_response"),
        )
        if calls and (side == "user" or place == 0):
            return Violation(
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
            )
        if answers and not asked:
            return Violation("Please ensure that function response turn comes immediately after a function call turn.")
        if answers != asked:
            return Violation(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the "
                "function call turn."
            )
        asked = calls
    return _unsigned(turns) if _SIGNED.search(model) else None


def _count(parts: list[dict[str, Any]], *names: str) -> int:
    return sum(any(name in part for name in names) for part in parts)


def _unsigned(turns: list[tuple[str, list[dict[str, Any]]]]) -> Violation | None:
    """Return the rule of signatures: since the user's last text, the first call of each turn has one."""
    texts = [place for place, (side, parts) in enumerate(turns) if side == "user" and _count(parts, "text")]
    for place, (_side, parts) in enumerate(turns[texts[-1] :] if texts else turns, start=texts[-1] if texts else 0):
        calls = [part for part in parts if "functionCall" in part or "function_call" in part]
        if calls and not (calls[0].get("thoughtSignature") or calls[0].get("thought_signature")):
            name = wire.as_object(calls[0].get("functionCall") or calls[0].get("function_call")).get("name")
            return Violation(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, "
                "and missing thought_signature may lead to degraded model performance. Additional data, function call "
                f"`default_api:{name}` , position {place + 1}. Please refer to "
                "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
            )
    return None
