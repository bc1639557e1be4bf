"""Calls of tools as real providers send them, and what they are as text."""

import json
from typing import Any

import pytest

from harness.provider.dialects import DIALECTS
from harness.provider.dialects.bedrock_events import event_of
from harness.provider.tools import ToolCall, called, joined, whole

TEXT = 'f({"a":"b c","n":1})g({})'


def sse(*datas: dict[str, Any]) -> list[bytes]:
    """Return events with these data."""
    return [f"data: {json.dumps(data)}\n\n".encode() for data in datas]


def delta(*calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return an event of a chat completion."""
    return {"choices": [{"index": 0, "delta": {"tool_calls": list(calls), **fields}}]}


def piece(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    """Return a piece of a call of OpenAI's."""
    return {"index": index, "function": {"arguments": arguments, **more}}


CHAT = sse(
    delta({**piece(0, "", name="f"), "id": "c1", "type": "function"}, role="assistant", content=None),
    delta(piece(0, '{"n": 1.0, "a"')),
    delta(piece(0, ': "b c"}')),
    delta({**piece(1, "", name="g"), "id": "c2"}),
    delta(piece(1, "{}")),
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
)
INTERLEAVED = sse(
    delta({**piece(0, "", name="f"), "id": "c1"}, {**piece(1, "", name="g"), "id": "c2"}),
    delta(piece(0, '{"n":1,'), piece(1, "{")),
    delta(piece(1, "}"), piece(0, '"a":"b c"}')),
)
ONE_PLACE_FOR_ALL = sse(
    delta({**piece(0, '{"a":"b c","n":1}', name="f"), "id": "c1"}), delta({**piece(0, "{}", name="g"), "id": "c2"})
)
NAMED_AGAIN = sse(
    delta({**piece(0, '{"a":"b', name="f"), "id": "c1"}),
    delta({**piece(0, ' c","n":1}', name="f"), "id": "c1"}),
    delta({**piece(1, "{}", name="g"), "id": "c2"}),
)
RESPONSES = sse(
    {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {"type": "function_call", "call_id": "c1", "id": "fc", "name": "f", "arguments": ""},
    },
    {"type": "response.function_call_arguments.delta", "output_index": 1, "item_id": "fc", "delta": '{"a":"b c",'},
    {"type": "response.function_call_arguments.delta", "output_index": 1, "item_id": "fc", "delta": ' "n":1}'},
    {"type": "response.function_call_arguments.done", "output_index": 1, "item_id": "fc", "arguments": "again"},
    {
        "type": "response.output_item.added",
        "output_index": 2,
        "item": {"type": "function_call", "call_id": "c2", "id": "fd", "name": "g", "arguments": ""},
    },
    {"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "fd", "delta": "{}"},
)
ANTHROPIC_DATA = (
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ""}},
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"a": "b c", "n": 1}'},
    },
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
    },
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
)
GEMINI = sse(
    {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}]}}]},
    {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {
                            "functionCall": {"name": "f", "args": {"n": 1.0, "a": "b c"}, "id": "c1"},
                            "thoughtSignature": "c2ln",
                        },
                        {"functionCall": {"name": "g"}},
                    ]
                },
                "finishReason": "STOP",
            }
        ]
    },
)
CONVERSE = [
    event_of(kind, data, wrapped=False)
    for kind, data in (
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "c1", "name": "f"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"a":"b c",'}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '"n":1}'}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "c2", "name": "g"}}}),
    )
]
COHERE = sse(
    {
        "type": "tool-call-start",
        "index": 0,
        "delta": {"message": {"tool_calls": {"id": "c1", "type": "function", "function": {"name": "f"}}}},
    },
    {
        "type": "tool-call-delta",
        "index": 0,
        "delta": {"message": {"tool_calls": {"function": {"arguments": '{"a":"b c","n":1}'}}}},
    },
    {
        "type": "tool-call-start",
        "index": 1,
        "delta": {"message": {"tool_calls": {"id": "c2", "function": {"name": "g", "arguments": "{}"}}}},
    },
)
OLLAMA = [
    b'{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"n":1,"a":"b c"}}}]},"done":false}\n',
    b'{"message":{"content":"","tool_calls":[{"function":{"name":"g","arguments":{}}}]},"done":false}\n',
]
STREAMS = {
    "openai": CHAT,
    "azure": CHAT,
    "deepseek": INTERLEAVED,
    "openrouter": NAMED_AGAIN,
    "openai-compatible": ONE_PLACE_FOR_ALL,
    "anthropic": sse(*ANTHROPIC_DATA),
    "gemini": GEMINI,
    "vertex_ai": GEMINI,
    "bedrock": CONVERSE,
    "cohere": COHERE,
    "ollama_chat": OLLAMA,
}


def read(dialect: str, events: list[bytes]) -> tuple[ToolCall, ...]:
    """Return the calls in a stream."""
    found = (DIALECTS[dialect].read_calls(event) for event in events)
    return joined(call for pieces in found if pieces is not None for call in pieces.calls)


@pytest.mark.parametrize("dialect", STREAMS)
def test_the_pieces_of_a_real_stream_become_its_calls(dialect: str) -> None:
    """Whatever the vendor: pieces, whole calls, calls in turns, one index for all, the name in each piece."""
    calls = read(dialect, STREAMS[dialect])
    assert whole("", calls) == TEXT
    if dialect not in ("ollama_chat", "gemini", "vertex_ai"):
        assert [call.id for call in calls] == ["c1", "c2"]


def test_streams_of_responses_and_of_vendors_behind_bedrock() -> None:
    """They share a dialect with others."""
    assert whole("", read("openai", RESPONSES)) == TEXT
    assert whole("", read("vertex_ai", sse(*ANTHROPIC_DATA))) == TEXT
    assert whole("", read("bedrock", [event_of("chunk", data, wrapped=True) for data in ANTHROPIC_DATA])) == TEXT
    assert read("gemini", GEMINI)[0].signature == "c2ln"


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_piece_of_arguments_is_a_token(dialect: str) -> None:
    """So a fault counts it."""
    of = DIALECTS[dialect]
    for event in STREAMS[dialect]:
        pieces = of.read_calls(event)
        if pieces is not None and any(call.arguments for call in pieces.calls):
            assert of.read_event(event).text


BODIES = {
    "openai": {
        "choices": [
            {
                "message": {
                    "content": "hm",
                    "tool_calls": [
                        {"id": "c1", "function": {"name": "f", "arguments": '{"n": 1, "a": "b c"}'}},
                        {"id": "c2", "function": {"name": "g", "arguments": ""}},
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ]
    },
    "anthropic": {
        "content": [
            {"type": "text", "text": "hm"},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {"n": 1, "a": "b c"}},
            {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
        ],
        "stop_reason": "tool_use",
    },
    "gemini": {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "hm"},
                        {"functionCall": {"name": "f", "args": {"a": "b c", "n": 1}, "id": "c1"}},
                        {"functionCall": {"name": "g", "args": {}, "id": "c2"}},
                    ]
                },
                "finishReason": "STOP",
            }
        ]
    },
    "bedrock": {
        "output": {
            "message": {
                "content": [
                    {"text": "hm"},
                    {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": "b c", "n": 1}}},
                    {"toolUse": {"toolUseId": "c2", "name": "g", "input": {}}},
                ]
            }
        },
        "stopReason": "tool_use",
    },
}
RESPONSE = {
    "object": "response",
    "output": [
        {"type": "message", "content": [{"type": "output_text", "text": "hm"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":"b c","n":1}'},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
    ],
}


@pytest.mark.parametrize(("dialect", "body"), [*BODIES.items(), ("openai", RESPONSE)])
def test_the_calls_in_a_plain_answer(dialect: str, body: dict[str, Any]) -> None:
    """Apart from its text, and joined with it as a record has them."""
    parsed = DIALECTS[dialect].read_body(200, json.dumps(body).encode())
    assert (parsed.text, [call.id for call in parsed.calls]) == ("hm", ["c1", "c2"])
    assert parsed.whole == "hm" + TEXT
    reason = {"gemini": "stop"}.get(dialect, "tool_calls")
    assert parsed.finish == (None if "object" in body else reason)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"b": 1, "a": "é"}', 'f({"a":"é","b":1})'),
        ('{"a": 3.0, "b": 2.50, "c": 1e3}', 'f({"a":3,"b":2.5,"c":1000})'),
        ("", "f({})"),
        ('{"a": "hal', 'f({"a": "hal)'),
        ("null", "f(null)"),
    ],
)
def test_a_call_as_text(arguments: str, text: str) -> None:
    """The same for all spellings of the same JSON, and what is half stays half."""
    assert called("f", arguments) == text
