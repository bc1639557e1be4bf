"""A conversation with tools in OpenAI's format, as each provider is asked for its next turn."""

import json
from typing import Any

import pytest

from harness.provider.dialects import DIALECTS
from harness.provider.dialects.histories import SKIP_SIGNATURE

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SCHEMA = WEATHER["function"]["parameters"]  # type: ignore[index]


def calls(*cities: str, prefix: str = "call_") -> dict[str, Any]:
    """Return an assistant's message that asks for the weather of cities."""
    made = [
        {
            "id": f"{prefix}{city}",
            "type": "function",
            "function": {"name": "get_weather", "arguments": json.dumps({"city": city})},
        }
        for city in cities
    ]
    return {"role": "assistant", "content": None, "tool_calls": made}


def result(city: str, text: str = "sun", prefix: str = "call_") -> dict[str, Any]:
    """Return the weather of a city."""
    return {"role": "tool", "tool_call_id": f"{prefix}{city}", "content": text}


HISTORY = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "weather?"},
    calls("Paris", "Rome"),
    result("Paris"),
    result("Rome", '{"sky": "rain"}'),
    {"role": "user", "content": "and now?"},
]


def asked(dialect: str, messages: Any = HISTORY, model: str = "m", **fields: Any) -> dict[str, Any]:
    """Return the body by which a provider is asked, after a trip through JSON."""
    body = {"model": "chain", "stream": False, "tools": [WEATHER], "messages": messages, **fields}
    made: dict[str, Any] = json.loads(json.dumps(DIALECTS[dialect].request(model, body).body))
    return made


@pytest.mark.parametrize("dialect", ["openai", "azure", "deepseek", "openrouter", "openai-compatible"])
def test_openais_own_form_is_carried_over_as_it_is(dialect: str) -> None:
    """Tools, the choice, calls and results."""
    body = asked(dialect, tool_choice="required", parallel_tool_calls=False)
    assert body["messages"] == HISTORY
    assert (body["tools"], body["tool_choice"], body["parallel_tool_calls"]) == ([WEATHER], "required", False)


def test_anthropics_form() -> None:
    """All results of a turn's calls are in the one user message that follows it, before its text."""
    body = asked("anthropic")
    assert body["system"] == "be brief"
    assert body["tools"] == [{"name": "get_weather", "description": "The weather of a city", "input_schema": SCHEMA}]
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "weather?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": f"call_{city}", "name": "get_weather", "input": {"city": city}}
                for city in ("Paris", "Rome")
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_Paris", "content": "sun"},
                {"type": "tool_result", "tool_use_id": "call_Rome", "content": '{"sky": "rain"}'},
                {"type": "text", "text": "and now?"},
            ],
        },
    ]


def test_converses_form() -> None:
    """As Anthropic's, in other words."""
    body = asked("bedrock")
    assert body["toolConfig"]["tools"] == [
        {
            "toolSpec": {
                "name": "get_weather",
                "description": "The weather of a city",
                "inputSchema": {"json": SCHEMA},
            }
        }
    ]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"][1] == {
        "toolUse": {"toolUseId": "call_Rome", "name": "get_weather", "input": {"city": "Rome"}}
    }
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "call_Paris", "content": [{"text": "sun"}]}},
        {"toolResult": {"toolUseId": "call_Rome", "content": [{"text": '{"sky": "rain"}'}]}},
        {"text": "and now?"},
    ]


@pytest.mark.parametrize("dialect", ["gemini", "vertex_ai"])
def test_geminis_form(dialect: str) -> None:
    """Results name the function; a result that is an object stays one; a foreign call has the signature that Google documents for it."""
    body = asked(dialect)
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == SCHEMA
    assert [turn["role"] for turn in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][1]["parts"] == [
        {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}, "thoughtSignature": SKIP_SIGNATURE},
        {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}},
    ]
    assert body["contents"][2]["parts"] == [
        {"functionResponse": {"name": "get_weather", "response": {"result": "sun"}}},
        {"functionResponse": {"name": "get_weather", "response": {"sky": "rain"}}},
        {"text": "and now?"},
    ]


def test_a_signature_of_geminis_own_comes_back_to_it() -> None:
    """Where the caller has kept it, in the field of Google's own OpenAI format."""
    message = calls("Paris")
    message["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    body = asked("gemini", [{"role": "user", "content": "?"}, message, result("Paris")])
    assert body["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln"


def test_vertex_ai_asks_anthropics_models_in_their_form() -> None:
    """With the tools."""
    body = asked("vertex_ai", model="claude-sonnet-4")
    assert body["messages"][1]["content"][0]["type"] == "tool_use"
    assert body["tools"][0]["input_schema"] == SCHEMA


@pytest.mark.parametrize(
    ("stated", "anthropic", "converse", "gemini"),
    [
        (None, None, None, None),
        ("auto", None, None, {"mode": "AUTO"}),
        ("required", {"type": "any"}, {"any": {}}, {"mode": "ANY"}),
        ("none", {"type": "none"}, None, {"mode": "NONE"}),
        (
            {"type": "function", "function": {"name": "get_weather"}},
            {"type": "tool", "name": "get_weather"},
            {"tool": {"name": "get_weather"}},
            {"mode": "ANY", "allowedFunctionNames": ["get_weather"]},
        ),
    ],
)
def test_the_choice_among_the_tools(stated: Any, anthropic: Any, converse: Any, gemini: Any) -> None:
    """In each vendor's words; Converse has none for `none`, and gets no tools where the history needs none."""
    fields = {} if stated is None else {"tool_choice": stated}
    assert asked("anthropic", **fields).get("tool_choice") == anthropic
    assert asked("bedrock", **fields)["toolConfig"].get("toolChoice") == converse
    assert asked("gemini", **fields).get("toolConfig", {}).get("functionCallingConfig") == gemini
    first = asked("bedrock", [{"role": "user", "content": "?"}], **fields)
    assert ("toolConfig" in first) == (stated != "none")


def test_one_call_at_a_time_is_asked_for_in_anthropics_words() -> None:
    """It has a field for it within the choice."""
    assert asked("anthropic", parallel_tool_calls=False)["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }


@pytest.mark.parametrize("prefix", ["call_0__thought__aGk+/w==", "x" * 90, "a.b:c"])
def test_ids_are_ones_that_the_vendor_takes(prefix: str) -> None:
    """Anthropic and Bedrock take letters, digits, `_` and `-`; Bedrock at most 64. A result keeps the id of its call."""
    history = [{"role": "user", "content": "?"}, calls("Paris", prefix=prefix), result("Paris", prefix=prefix)]
    made = asked("anthropic", history)["messages"]
    used, answered = made[1]["content"][0]["id"], made[2]["content"][0]["tool_use_id"]
    assert used == answered
    assert set(used) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert len(used) <= 64
    made = asked("bedrock", history)["messages"]
    assert made[1]["content"][0]["toolUse"]["toolUseId"] == used
    assert made[2]["content"][0]["toolResult"]["toolUseId"] == used


def test_parts_of_a_text_and_a_developers_words() -> None:
    """Content may be a list of parts, and the system's words may be the developer's."""
    history = [
        {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
    ]
    assert asked("gemini", history)["contents"] == [{"role": "user", "parts": [{"text": "ab"}, {"text": "c"}]}]
    assert asked("gemini", history)["systemInstruction"] == {"parts": [{"text": "be brief"}]}
    assert asked("bedrock", history)["messages"] == [{"role": "user", "content": [{"text": "ab"}, {"text": "c"}]}]


def test_ollamas_form() -> None:
    """OpenAI's, but that arguments are objects."""
    body = asked("ollama_chat")
    assert body["tools"] == [WEATHER]
    assert body["messages"][2]["tool_calls"][0] == {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
