"""What OpenAI, and those that speak its format, refuse in a conversation. Each returns the first rule that a body breaks.

The words are those of recorded answers; where one has been seen in several forms, the newest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.provider.answer import Violation
from harness.provider.dialects import wire

CHAT_FIELDS = frozenset(
    (
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    )
)
"""The fields of a chat completion, as OpenAI's SDK declares them."""
AZURE_FIELDS = CHAT_FIELDS | {"data_sources", "user_security_context"}
RESPONSE_FIELDS = frozenset(
    (
        "background",
        "context_management",
        "conversation",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "moderation",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    )
)
"""The same of a response."""
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
)
_UNASKED = "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
_ID_MAX = 40
_NINE = re.compile(r"[a-zA-Z0-9]{9}")


def of_openai(data: Mapping[str, Any]) -> Violation | None:
    """Return the rule of OpenAI's that a chat completion breaks."""
    return _unknown_argument(data, CHAT_FIELDS) or _chat(data)


def of_azure(data: Mapping[str, Any]) -> Violation | None:
    """Return the rule of Azure's that a chat completion breaks: OpenAI's, with fields of its own."""
    return _unknown_argument(data, AZURE_FIELDS) or _chat(data)


def _unknown_argument(data: Mapping[str, Any], known: frozenset[str]) -> Violation | None:
    if data.keys() <= known:
        return None
    unknown = [name for name in data if name not in known]
    noun = "argument" if len(unknown) == 1 else "arguments"
    return Violation(f"Unrecognized request {noun} supplied: {', '.join(unknown)}")


def _chat(data: Mapping[str, Any]) -> Violation | None:
    """Return the rule that messages break: their roles, and calls that are answered, each by its id, before anything else."""
    open_calls: list[str] = []
    asked: set[str] = set()
    for place, message in enumerate(wire.objects(data.get("messages"))):
        role = message.get("role")
        if role == "user" and not asked:
            continue
        if role is None:
            where = f"messages[{place}].role"
            return Violation(f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter")
        if role not in _ROLES:
            supported = ", ".join(f"'{name}'" for name in _ROLES[:-1])
            words = f"Invalid value: '{role}'. Supported values are: {supported}, and '{_ROLES[-1]}'."
            return Violation(words, param=f"messages[{place}].role", code="invalid_value")
        if role == "tool":
            name = wire.text_of(message.get("tool_call_id"))
            if not asked:
                words = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                return Violation(words, param=f"messages.[{place}].role")
            if name not in asked:
                words = f"Invalid parameter: 'tool_call_id' of '{name}' not found in 'tool_calls' of previous message."
                return Violation(words, param=f"messages.[{place}].tool_call_id")
            open_calls = [each for each in open_calls if each != name]
            continue
        if open_calls:
            return _unanswered(open_calls, place)
        open_calls = _ids(message)
        for number, name in enumerate(open_calls):
            if broken := _id_length(name, f"messages[{place}].tool_calls[{number}].id"):
                return broken
        asked = set(open_calls)
    return _unanswered(open_calls, place + 1) if open_calls else None


def _id_length(name: str, param: str) -> Violation | None:
    """Return the rule that a call's id breaks: it has from 1 to 40 characters."""
    if not name:
        found = "empty string. Expected a string with minimum length 1, but got an empty string instead"
        return Violation(f"Invalid '{param}': {found}.", param=param, code="empty_string")
    if len(name) > _ID_MAX:
        found = f"string too long. Expected a string with maximum length {_ID_MAX}, but got a string with length {len(name)} instead"
        return Violation(f"Invalid '{param}': {found}.", param=param, code="string_above_max_length")
    return None


def _unanswered(names: Iterable[str], place: int) -> Violation:
    words = f"{_UNANSWERED} The following tool_call_ids did not have response messages: {', '.join(names)}"
    return Violation(words, param=f"messages.[{place}].role")


def _ids(message: Mapping[str, Any]) -> list[str]:
    if message.get("role") != "assistant" or not message.get("tool_calls"):
        return []
    return [wire.text_of(call.get("id")) for call in wire.objects(message.get("tool_calls"))]


def of_deepseek(data: Mapping[str, Any]) -> Violation | None:
    """Return the rule of DeepSeek's that a chat completion breaks: that of calls and their results, in words of its own."""
    broken = _chat(data)
    if broken is None or broken.code is not None:
        return None
    words = f"{_UNANSWERED} (insufficient tool messages following tool_calls message)"
    return Violation(words if broken.message.startswith(_UNANSWERED) else _UNASKED, code="invalid_request_error")


def of_mistral(data: Mapping[str, Any]) -> Violation | None:
    """Return the rule of Mistral's that a chat completion breaks: ids of nine letters and digits, a result for each call."""
    messages = wire.objects(data.get("messages"))
    for message in messages:
        answered = [wire.text_of(message.get("tool_call_id"))] if message.get("tool_call_id") else []
        for name in (*_ids(message), *answered):
            if not _NINE.fullmatch(name):
                words = f"Tool call id was {name} but must be a-z, A-Z, 0-9, with a length of 9."
                return Violation(words, type="invalid_function_call", code="3280")
    broken = _chat(data)
    if broken is None or broken.code is not None:
        return None
    return Violation(
        "Not the same number of function calls and responses", type="invalid_request_message_order", code="3230"
    )


def of_responses(data: Mapping[str, Any]) -> Violation | None:
    """Return the rule that a request for a response breaks: its fields, and a result for each call, whichever comes first."""
    if unknown := [name for name in data if name not in RESPONSE_FIELDS]:
        return Violation(f"Unknown parameter: '{unknown[0]}'.", param=unknown[0], code="unknown_parameter")
    if data.get("previous_response_id") or data.get("conversation"):  # the rest is with the provider
        return None
    items = wire.objects(data.get("input"))
    called = {
        kind: [wire.text_of(item.get("call_id")) for item in items if item.get("type") == kind] for kind in _ITEMS
    }
    asked, answered = (called[kind] for kind in _ITEMS)
    for name in answered:
        if name not in asked:
            return Violation(f"No tool call found for function call output with call_id {name}.", param="input")
    for name in asked:
        if name not in answered:
            return Violation(f"No tool output found for function call {name}.", param="input")
    return None


_ITEMS = ("function_call", "function_call_output")
