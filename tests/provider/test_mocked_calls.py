"""Mocked calls of tools: whole or in pieces, in every vendor's form, they are read as they were meant."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provider.answer import Answer, Tool
from harness.provider.dialects import DIALECTS
from harness.provider.marker import find_attempts
from harness.provider.mocked_calls import mocked_calls
from harness.provider.respond import parse, respond
from harness.provider.tools import ToolCall, called, joined, whole
from harness.scenario import Inject
from tests.provider.exchange import ATTEMPT, STREAMED, WAYS, body, dialect_of, format_of, provider, sends, sent, split
from tests.provider.replies import decision

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": ["integer", "null"]},
        "about": {"type": "string"},
        "sure": {"type": "boolean"},
        "near": {"type": "array"},
    },
}
NAMES = ("get_weather", "now", "never")
TOOL_WAYS = tuple(way for way in WAYS if way not in ("cohere", "ollama", "ollama_chat"))
PREFIXES = {
    "anthropic": "toolu_01",
    "bedrock": "tooluse_",
    "gemini": "",
}


def offer(way: str) -> dict[str, Any]:
    """Return the fields that offer three tools; the second takes no arguments."""
    schemas = (SCHEMA, {"type": "object", "properties": {}}, SCHEMA)
    tools = list(zip(NAMES, schemas, strict=True))
    if format_of(way) == "anthropic":
        return {"tools": [{"name": name, "input_schema": schema} for name, schema in tools]}
    if format_of(way) == "gemini":
        declared = [{"name": name, "parametersJsonSchema": schema} for name, schema in tools]
        return {"tools": [{"functionDeclarations": declared}]}
    if way == "bedrock":
        specs = [{"toolSpec": {"name": name, "inputSchema": {"json": schema}}} for name, schema in tools]
        return {"toolConfig": {"tools": specs}}
    if way == "responses":
        return {"tools": [{"type": "function", "name": name, "parameters": schema} for name, schema in tools]}
    return {"tools": [{"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in tools]}


def ask(way: str, *, stream: bool = False, tokens: int = 8, fault: Inject | None = None, **fields: Any) -> Answer:
    """Return the answer to a call that offers the tools."""
    spec = provider(way, tokens=tokens)
    path = STREAMED[way] if stream else WAYS[way]
    call = parse(spec, "POST", path, body(way, stream=stream, **{**offer(way), **fields}))
    assert call.problem is None
    return respond(spec, call, ATTEMPT, *([] if fault is None else [decision(fault)]))


def calls_in(way: str, raw: bytes) -> tuple[ToolCall, ...]:
    """Return the calls that a stream holds."""
    found = map(DIALECTS[dialect_of(way)].read_calls, split(raw))
    return joined(call for pieces in found if pieces is not None for call in pieces.calls)


@pytest.mark.parametrize("way", TOOL_WAYS)
def test_a_plain_answer_with_calls(way: str) -> None:
    """Two of the three tools are called, and the first text among their arguments names the attempt."""
    answer = ask(way)
    parsed = DIALECTS[dialect_of(way)].read_body(200, sent(answer))
    assert [call.name for call in parsed.calls] == ["get_weather", "now"]
    assert parsed.text == ""
    assert parsed.whole == answer.text
    arguments = json.loads(parsed.calls[0].arguments)
    assert arguments["about"].startswith(f"<<{ATTEMPT}>> ")
    assert (arguments["city"], arguments["days"], arguments["sure"]) == ("chain", 3, True)
    assert "near" not in arguments
    assert find_attempts(parsed.whole) == (ATTEMPT,)
    assert parsed.finish == {"responses": None, "gemini": "stop"}.get(format_of(way), "tool_calls")
    assert parsed.tokens_out == answer.tokens_out == 5
    ids = [call.id for call in parsed.calls]
    assert len(set(ids)) == 2
    assert all(name.startswith(PREFIXES.get(format_of(way), "call_")) for name in ids)


@pytest.mark.parametrize("way", TOOL_WAYS)
def test_a_stream_of_calls(way: str) -> None:
    """The same calls with the same ids, in pieces; the tokens' texts are the answer's."""
    plain, stream = ask(way), ask(way, stream=True)
    of = DIALECTS[dialect_of(way)]
    calls = calls_in(way, sent(stream))
    assert calls == tuple(
        call._replace(place=made.place) for call, made in zip(of.read_body(200, sent(plain)).calls, calls, strict=True)
    )
    assert whole("", calls) == stream.text == plain.text
    assert "".join(send.text for send in sends(stream)) == stream.text
    finish = [reason for event in split(sent(stream)) if (reason := of.read_finish(event))]
    assert finish == ["stop" if format_of(way) in ("gemini", "responses") else "tool_calls"]
    for send in sends(stream):
        events = list(map(of.read_event, split(send.data)))
        assert bool(send.text) == any(event.text for event in events)
        assert {event.part for event in events} == {send.part}


@pytest.mark.parametrize("way", [way for way in TOOL_WAYS if format_of(way) != "gemini"])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_cut_falls_inside_the_arguments(way: str, after: int) -> None:
    """What has come is the beginning of what was meant, and is no JSON."""
    answer = ask(way, stream=True, fault=Inject(stream="cut", after_tokens=after))
    (call,) = calls_in(way, sent(answer))
    assert answer.fault_id == "fault-1"
    assert answer.text == ask(way).text
    with pytest.raises(json.JSONDecodeError):
        json.loads(call.arguments)
    assert (answer.text or "").startswith(f"{call.name}({call.arguments}")


@pytest.mark.parametrize("way", TOOL_WAYS)
@pytest.mark.parametrize("kind", ["empty", "content_filter", "malformed", "no_usage", "error_event"])
def test_other_faults_of_a_stream(way: str, kind: Any) -> None:
    """An empty stream has no call, a filtered one those before the filter, a broken one other calls than were meant."""
    at = {"after_tokens": 1} if kind in ("content_filter", "malformed", "error_event") else {}
    usage = {"stream_options": {"include_usage": True}}
    answer = ask(way, stream=True, fault=Inject(stream=kind, **at), **usage)  # type: ignore[arg-type]
    assert answer.fault_id == "fault-1"
    came = whole("", calls_in(way, sent(answer)))
    if kind == "empty":
        assert came == ""
        assert b"get_weather" not in sent(answer)
    elif kind == "no_usage":
        assert came == answer.text
    elif kind == "content_filter":
        assert came == answer.text
        assert came.startswith("get_weather(")
        assert len(came) < len(ask(way).text or "")
    else:
        assert came != answer.text


@pytest.mark.parametrize("way", TOOL_WAYS)
def test_after_a_result_the_model_answers_in_text(way: str) -> None:
    """So too where no tool may be called; one that must be called is the only one."""
    results: dict[str, Any] = {
        "anthropic": {
            "messages": [
                {"role": "user", "content": "?"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "now", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "1"}]},
            ]
        },
        "gemini": {
            "contents": [
                {"role": "user", "parts": [{"text": "?"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "now", "args": {}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "now", "response": {}}}]},
            ]
        },
        "bedrock": {
            "messages": [
                {"role": "user", "content": [{"text": "?"}]},
                {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "now", "input": {}}}]},
                {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "1"}]}}]},
            ]
        },
        "responses": {
            "input": [
                {"role": "user", "content": "?"},
                {"type": "function_call", "call_id": "c1", "name": "now", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "1"},
            ]
        },
    }
    chat = {
        "messages": [
            {"role": "user", "content": "?"},
            {
                "role": "assistant",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "1"},
        ]
    }
    none: dict[str, Any] = {
        "anthropic": {"tool_choice": {"type": "none"}},
        "gemini": {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}},
        "bedrock": {"toolConfig": {"tools": []}},
    }
    of = DIALECTS[dialect_of(way)]
    for fields in (results.get(format_of(way), chat), none.get(format_of(way), {"tool_choice": "none"})):
        parsed = of.read_body(200, sent(ask(way, **fields)))
        assert parsed.calls == ()
        assert parsed.text.startswith(f"<<{ATTEMPT}>>")
    one: dict[str, Any] = {
        "anthropic": {"tool_choice": {"type": "tool", "name": "never"}},
        "gemini": {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["never"]}}},
        "bedrock": {"toolConfig": {**offer("bedrock")["toolConfig"], "toolChoice": {"tool": {"name": "never"}}}},
        "responses": {"tool_choice": {"type": "function", "name": "never"}},
    }
    forced = {"tool_choice": {"type": "function", "function": {"name": "never"}}}
    parsed = of.read_body(200, sent(ask(way, **one.get(format_of(way), forced))))
    assert [call.name for call in parsed.calls] == ["never"]


def test_mistrals_ids_are_nine_letters_and_digits() -> None:
    """As its API wants them back."""
    spec = provider("openai-compatible", tokens=4).__class__(dialect="openai-compatible", vendor="mistral", model="m")
    call = parse(spec, "POST", "/v1/chat/completions", body("openai", **offer("openai")))
    (first, _) = DIALECTS["openai-compatible"].read_body(200, sent(respond(spec, call, ATTEMPT))).calls
    assert len(first.id) == 9
    assert first.id.isalnum()


def test_a_name_of_an_argument_may_be_anything() -> None:
    """Even one that looks like what stands between two arguments."""
    tool = Tool("f", (('"|"', "string"), ("|", "string"), ('a":"|"', "integer"), ("", "boolean")))
    (call,) = mocked_calls([tool], ATTEMPT, 3, str)
    assert call.text == called("f", call.arguments)
    assert json.loads(call.arguments)['"|"'].startswith(f"<<{ATTEMPT}>>")


KINDS = st.sampled_from(["string", "integer", "number", "boolean", "object", ""])
TOOLS = st.lists(
    st.builds(
        Tool,
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
        st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), KINDS, max_size=4).map(
            lambda found: tuple(found.items())
        ),
    ),
    min_size=1,
    max_size=2,
)


@given(tools=TOOLS, tokens=st.integers(1, 30))
def test_the_arguments_are_canonical_whatever_is_offered(tools: list[Tool], tokens: int) -> None:
    """They are JSON that names the attempt once, if there is any place for a text."""
    calls = mocked_calls(tools, ATTEMPT, tokens, str)
    for call in calls:
        assert call.text == called(call.name, call.arguments)
    named = find_attempts("".join(call.arguments for call in calls))
    texts = any("string" in dict(tool.properties).values() for tool in tools)
    assert named == ((ATTEMPT,) if texts else ())
    if texts and len(tools) == 1:
        assert len(calls[0].pieces) == tokens


@given(tools=TOOLS, way=st.sampled_from(TOOL_WAYS), stream=st.booleans())
def test_every_dialect_writes_what_it_reads(tools: list[Tool], way: str, stream: bool) -> None:
    """Whatever the names of tools and arguments are."""
    spec = provider(way, tokens=7)
    seen = parse(spec, "POST", STREAMED[way] if stream else WAYS[way], body(way, stream=stream))
    answer = respond(spec, seen._replace(tools=tuple(tools)), ATTEMPT)
    of = DIALECTS[dialect_of(way)]
    calls = calls_in(way, sent(answer)) if stream else of.read_body(200, sent(answer)).calls
    assert whole("", calls) == answer.text
    assert [call.name for call in calls] == [tool.name for tool in tools]
