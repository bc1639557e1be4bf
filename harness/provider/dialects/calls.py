"""Reading calls: their JSON bodies, of any shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from harness.provider.answer import Call, Tool, Violation
from harness.provider.dialects import offers, prefixes, turn_rules, wire
from harness.provider.dialects.prefixes import CHARS_PER_TOKEN, CachingRule
from harness.provider.prompt_cache import TOKENS_MIN
from harness.provider.spec import NAME_MAX

_SYSTEM = ("system", "developer")


class Fields(NamedTuple):
    """The fields of a dialect's bodies.

    Attributes:
        prompt: The prompt, which every call has; a text or a list.
        texts: Whether the prompt may be a bare text.
        system: Further text.
        limits: Limits on the answer's tokens; the first that holds a number counts.
        tools: Returns the tools that the model calls, given a body with `tools`; None if it calls none.
        broken: Returns the rule for conversations that a body breaks; None if there are no rules.
        caching: What the vendor's prompt cache keeps; None if it has none.
    """

    prompt: str = "messages"
    texts: bool = False
    system: str = "system"
    limits: tuple[str, ...] = ("max_tokens", "max_completion_tokens")
    tools: Callable[[Mapping[str, Any]], tuple[Tool, ...]] | None = None
    broken: Callable[[Mapping[str, Any]], Violation | None] | None = None
    caching: CachingRule | None = None


CHAT = Fields(tools=offers.of_chat, caching=prefixes.AUTOMATIC)
UNCACHED_CHAT = CHAT._replace(caching=None)
MESSAGES = Fields(tools=offers.of_messages, broken=turn_rules.of_anthropic, caching=prefixes.OF_CLAUDE)


def read(body: bytes, *, model: str | None = None, fields: Fields = CHAT) -> Call:
    """Return the call in a request's JSON body; a body that holds none becomes a refused call.

    Args:
        body: As received.
        model: Named by the address, where the body need not name one.
        fields: The fields of the body.
    """
    data = load(body)
    return Call(model=model, problem="invalid_request") if data is None else understood(data, model, fields)


def load(body: bytes) -> dict[str, Any] | None:
    """Return a body's JSON object; None if it is none."""
    try:
        data = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def split_system(body: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """Return the text of a chat completion's system messages, and its other messages."""
    system = [wire.text_of(message.get("content")) for message in body["messages"] if message.get("role") in _SYSTEM]
    return "\n".join(system), [message for message in body["messages"] if message.get("role") not in _SYSTEM]


def understood(data: dict[str, Any], model: str | None, fields: Fields) -> Call:
    """Return the call that an object is; see `read`."""
    prompt = data.get(fields.prompt)
    if not isinstance(prompt, list) and not (fields.texts and isinstance(prompt, str)):
        return Call(model=model, problem="invalid_request")
    named = model or data.get("model")
    if not isinstance(named, str) or not 0 < len(named) <= NAME_MAX or not named.isprintable():
        return Call(problem="invalid_request")
    options = data.get("stream_options")
    system = data.get(fields.system)
    tokens = max(1, (_chars(prompt) + _chars(system)) // CHARS_PER_TOKEN)
    rule = fields.caching if tokens >= TOKENS_MIN else None
    return Call(
        model=named,
        streaming=data.get("stream") is True,
        usage=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=_limit(data, fields.limits),
        prompt_tokens=tokens,
        tools=fields.tools(data) if "tools" in data and fields.tools is not None else (),
        violation=None if fields.broken is None else fields.broken(data),
        prefixes=() if rule is None else prefixes.ends_of(named, data, (system, prompt), rule, tokens),
    )


def _limit(data: dict[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = data.get(name)
        if type(value) is int and value >= 1:
            return value
    return None


def _chars(content: Any) -> int:
    """Return the characters of text in messages, or in the content of one."""
    if not isinstance(content, list):
        return len(content) if isinstance(content, str) else 0
    count = 0
    for part in content:  # a message has `content` (Gemini's: `parts`), a part of one has `text`
        if isinstance(part, dict):
            inner = part.get("content")
            count += len(inner) if isinstance(inner, str) else _part_chars(part)
    return count


def _part_chars(part: dict[str, Any]) -> int:
    text = part.get("text")
    if isinstance(text, str):
        return len(text)
    inner = part.get("content") or part.get("parts")
    if not isinstance(inner, list):
        return 0
    return sum(len(item["text"]) for item in inner if isinstance(item, dict) and isinstance(item.get("text"), str))
