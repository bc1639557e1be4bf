"""Which tools a mocked model calls: those that the call offers and allows, as long as the conversation holds no result of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from harness.provider.answer import Tool
from harness.provider.dialects import wire
from harness.provider.mocked_calls import CALLS_MAX


class Choice(NamedTuple):
    """What a caller allows.

    Attributes:
        none: No tool may be called.
        names: The only ones that may be called; all if empty.
    """

    none: bool = False
    names: frozenset[str] = frozenset()


ANY = Choice()


def only(name: object) -> Choice:
    """Return the choice of one tool; of any if this is no name."""
    return Choice(names=frozenset((name,))) if isinstance(name, str) and name else ANY


def called(tools: Iterable[tuple[object, object]], choice: Choice, *, answered: bool) -> tuple[Tool, ...]:
    """Return the tools that the model calls.

    Args:
        tools: Names and schemas of what is offered.
        choice: Among them.
        answered: Whether the conversation holds a result already.
    """
    if choice.none or answered:
        return ()
    made = [
        Tool(wire.text_of(name), tuple(_properties(schema)))
        for name, schema in tools
        if isinstance(name, str) and name and (not choice.names or name in choice.names)
    ]
    return tuple(made[:CALLS_MAX])


def _properties(schema: object) -> Iterator[tuple[str, str]]:
    """Give the names and types of arguments. A type may be one of several, or spelled in capitals."""
    for name, value in wire.as_object(wire.as_object(schema).get("properties")).items():
        kind = wire.as_object(value).get("type")
        kinds = kind if isinstance(kind, list) else [kind]
        found = next((each.lower() for each in kinds if isinstance(each, str) and each.lower() != "null"), "")
        yield wire.text_of(name), found


def of_chat(data: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Return the tools that a chat completion has the model call."""
    if not data.get("tools"):
        return ()
    stated = data.get("tool_choice")
    choice = Choice(none=True) if stated == "none" else only(_named(stated))
    functions = [wire.as_object(tool.get("function")) for tool in wire.objects(data.get("tools"))]
    answered = any(message.get("role") == "tool" for message in wire.objects(data.get("messages")))
    return called(((each.get("name"), each.get("parameters")) for each in functions), choice, answered=answered)


def _named(choice: object) -> object:
    data = wire.as_object(choice)
    return wire.as_object(data.get("function")).get("name") or data.get("name")


def of_responses(data: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Return the tools that a request for a response has the model call."""
    if not data.get("tools"):
        return ()
    stated = data.get("tool_choice")
    choice = Choice(none=True) if stated == "none" else only(_named(stated))
    functions = [tool for tool in wire.objects(data.get("tools")) if tool.get("type") == "function"]
    answered = any(item.get("type") == "function_call_output" for item in wire.objects(data.get("input")))
    return called(((each.get("name"), each.get("parameters")) for each in functions), choice, answered=answered)


def _holds(messages: object, parts: str, result: str) -> bool:
    """Return whether a part of a message is a tool's result: of that type, or with that field."""
    return any(
        part.get("type") == result or result in part
        for message in wire.objects(messages)
        for part in wire.objects(message.get(parts))
    )


def of_messages(data: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Return the tools that a request for a message of Anthropic's has the model call."""
    if not data.get("tools"):
        return ()
    stated = wire.as_object(data.get("tool_choice"))
    choice = Choice(none=True) if stated.get("type") == "none" else only(stated.get("name"))
    tools = ((tool.get("name"), tool.get("input_schema")) for tool in wire.objects(data.get("tools")))
    return called(tools, choice, answered=_holds(data.get("messages"), "content", "tool_result"))


def of_converse(data: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Return the tools that a call of Converse has the model call."""
    config = wire.as_object(data.get("toolConfig"))
    if not config:
        return ()
    choice = only(wire.as_object(wire.as_object(config.get("toolChoice")).get("tool")).get("name"))
    specs = [wire.as_object(tool.get("toolSpec")) for tool in wire.objects(config.get("tools"))]
    tools = ((spec.get("name"), wire.as_object(spec.get("inputSchema")).get("json")) for spec in specs)
    return called(tools, choice, answered=_holds(data.get("messages"), "content", "toolResult"))


def of_gemini(data: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Return the tools that a call of Gemini's has the model call; its fields are spelled in two ways."""
    if not data.get("tools"):
        return ()
    config = wire.as_object(_either(wire.as_object(_either(data, "toolConfig")), "functionCallingConfig"))
    names = _either(config, "allowedFunctionNames")
    choice = Choice(config.get("mode") == "NONE", frozenset(names if isinstance(names, list) else ()))
    functions = [
        function
        for tool in wire.objects(data.get("tools"))
        for function in wire.objects(_either(tool, "functionDeclarations"))
    ]
    tools = ((each.get("name"), _either(each, "parametersJsonSchema") or each.get("parameters")) for each in functions)
    answered = any(_holds(data.get("contents"), "parts", name) for name in ("functionResponse", "function_response"))
    return called(tools, choice, answered=answered)


def _either(data: Mapping[str, Any], name: str) -> Any:
    """Return a field in camel case, or in snake case."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return data.get(name) or data.get(snake)
