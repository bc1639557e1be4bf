"""The reference chain passes calls of tools and vectors on truly: whole, with their ids, or not at all."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from harness.chain.reference import ChainExhausted
from harness.drivers.server import Ask, opening
from harness.provider.kinds import Api
from harness.sim.clock import Clock
from tests.drivers.test_reference_host import Answer, Scripted, play

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
JSON = (("content-type", "application/json"),)
CALLS = [("c1", "weather", '{"city":"Paris"}'), ("c2", "clock", "{}")]


def asking(
    api: Api = "chat", *, stream: bool = False, **more: Any
) -> Callable[[Ask, Clock], Awaitable[list[dict[str, Any]]]]:
    """Return a script that asks once, and returns the JSON of the answer or of its chunks."""

    async def script(ask: Ask, _clock: Clock) -> list[dict[str, Any]]:
        body: dict[str, Any] = {"model": "a", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        if api == "embeddings":
            body = {"model": "a"}
        async with aclosing(ask(api, {**body, **more})) as pieces:
            return [json.loads(piece) async for piece in pieces if isinstance(piece, str)]

    return script


def made(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return the calls in an answer or in the chunks of a stream, as OpenAI's clients put them together."""
    calls: dict[int, list[str]] = {}
    for choice in (choice for each in found for choice in each["choices"]):
        delta = choice.get("delta") or choice.get("message") or {}
        for place, call in enumerate(delta.get("tool_calls", ())):
            at = calls.setdefault(call.get("index", place), ["", "", ""])
            at[0] += call.get("id", "")
            at[1] += call["function"].get("name", "")
            at[2] += call["function"]["arguments"]
    return [(id_, name, arguments) for id_, name, arguments in calls.values()]


def openai(*calls: tuple[str, str, str], stream: bool, finish: str | None = "tool_calls") -> Answer:
    """Return OpenAI's answer with calls; in a stream the pieces of all of them alternate."""
    if not stream:
        tools = [{"id": id_, "type": "function", "function": {"name": n, "arguments": a}} for id_, n, a in calls]
        message = {"role": "assistant", "content": None, "tool_calls": tools}
        return Answer([json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode()], headers=JSON)
    deltas = [
        {"index": place, "id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
        for place, (id_, name, _) in enumerate(calls)
    ]
    longest = max(len(arguments) for _, _, arguments in calls)
    deltas += [
        {"index": place, "function": {"arguments": arguments[at]}}
        for at in range(longest)
        for place, (_, _, arguments) in enumerate(calls)
        if at < len(arguments)
    ]
    events: list[dict[str, Any]] = [{"choices": [{"delta": {"tool_calls": [delta]}}]} for delta in deltas]
    if finish is not None:
        events.append({"choices": [{"delta": {}, "finish_reason": finish}]})
    return Answer([f"data: {json.dumps(event)}\n\n".encode() for event in events])


def anthropic(*calls: tuple[str, str, str], stream: bool) -> Answer:
    """Return Anthropic's answer with a text and calls after it."""
    blocks = [{"type": "tool_use", "id": id_, "name": name, "input": json.loads(a)} for id_, name, a in calls]
    if not stream:
        body = {"content": [{"type": "text", "text": "Let me see."}, *blocks], "stop_reason": "tool_use"}
        return Answer([json.dumps(body).encode()], headers=JSON)
    events: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Let me see."}},
    ]
    for place, (block, (_, _, arguments)) in enumerate(zip(blocks, calls, strict=True), start=1):
        events.append({"type": "content_block_start", "index": place, "content_block": {**block, "input": {}}})
        events += [
            {
                "type": "content_block_delta",
                "index": place,
                "delta": {"type": "input_json_delta", "partial_json": part},
            }
            for part in (arguments[:5], arguments[5:])
        ]
    events += [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
    return Answer([f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events])


def gemini(*calls: tuple[str, str, str], stream: bool) -> Answer:
    """Return Gemini's answer with calls: whole even in a stream, without ids, the first of them signed."""
    parts = [{"functionCall": {"name": name, "args": json.loads(arguments)}} for _, name, arguments in calls]
    signed: list[dict[str, Any]] = [{**parts[0], "thoughtSignature": "sig"}, *parts[1:]]
    bodies = [{"candidates": [{"content": {"role": "model", "parts": [part]}}]} for part in signed]
    end = {"candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "STOP"}]}
    if stream:
        return Answer([f"data: {json.dumps(each)}\n\n".encode() for each in [*bodies, end]])
    body = {"candidates": [{"content": {"role": "model", "parts": signed}, "finishReason": "STOP"}]}
    return Answer([json.dumps(body).encode()], headers=JSON)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("dialect", "answer"), [("openai", openai), ("anthropic", anthropic)])
def test_calls_keep_their_ids_and_arguments(dialect: str, answer: Callable[..., Answer], stream: bool) -> None:
    """Two calls at once, whatever pieces they come in, end as two calls that OpenAI's clients can read."""
    wire = Scripted(a=[answer(*CALLS, stream=stream)], b=[])

    found, rows = play(wire, asking(stream=stream, tools=[TOOL]), dialect=dialect)

    assert [(id_, name, json.loads(arguments)) for id_, name, arguments in made(found)] == [
        (id_, name, json.loads(arguments)) for id_, name, arguments in CALLS
    ]
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert [row.outcome for row in rows] == ["ok"]


@pytest.mark.parametrize("stream", [False, True])
def test_calls_without_ids_get_some(stream: bool) -> None:
    """Gemini has none; a later turn must name the call that it answers, and return the signature."""
    wire = Scripted(a=[gemini(*CALLS, stream=stream)], b=[])

    found, _ = play(wire, asking(stream=stream, tools=[TOOL]), dialect="gemini")

    assert made(found) == [("call_call-1_0", "weather", '{"city":"Paris"}'), ("call_call-1_1", "clock", "{}")]
    deltas = [choice.get("delta") or choice.get("message") for each in found for choice in each["choices"]]
    signed = [call.get("extra_content") for delta in deltas for call in (delta or {}).get("tool_calls", ())]
    assert signed == [{"google": {"thought_signature": "sig"}}, None]
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_text_before_a_call_stays() -> None:
    """Anthropic often says a sentence first."""
    found, _ = play(Scripted(a=[anthropic(*CALLS, stream=False)], b=[]), asking(), dialect="anthropic")
    assert found[0]["choices"][0]["message"]["content"] == "Let me see."


HALF = [("c1", "weather", '{"city":"Pa')]


@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_half_a_call_is_no_answer(finish: str) -> None:
    """A proper end does not make it one: the next provider is asked."""
    wire = Scripted(a=[openai(*HALF, stream=False, finish=finish)], b=[openai(*CALLS, stream=False)])

    found, rows = play(wire, asking(tools=[TOOL]))

    assert made(found) == CALLS
    assert found[0]["chain"]["tried"][0]["error"] == "a call of a tool without all of its arguments"
    assert [row.outcome for row in rows] == ["malformed", "ok"]


@pytest.mark.parametrize("finish", ["tool_calls", None])
def test_half_a_call_ends_a_stream_in_an_error(finish: str | None) -> None:
    """Its pieces have gone out, so no other provider can be asked."""
    wire = Scripted(a=[openai(*HALF, stream=True, finish=finish)], b=[])
    with pytest.raises(ChainExhausted):
        play(wire, asking(stream=True, tools=[TOOL]))


def test_half_a_call_of_a_stream_that_can_begin_anew_is_left_out() -> None:
    """`streams: restart` holds an answer back until it is whole."""
    wire = Scripted(a=[openai(*HALF, stream=True)], b=[openai(*CALLS, stream=True)])

    found, _ = play(wire, asking(stream=True, tools=[TOOL]), streams="restart")

    assert made(found) == CALLS


def test_a_call_that_the_callers_limit_cut_is_passed_on_as_that() -> None:
    """The caller asked for so few tokens, and reads why it ended."""
    found, rows = play(Scripted(a=[openai(*HALF, stream=False, finish="length")], b=[]), asking(max_tokens=4))
    assert found[0]["choices"][0]["finish_reason"] == "length"
    assert [row.outcome for row in rows] == ["ok"]


def vectors(*found: list[float]) -> Answer:
    """Return OpenAI's answer with embeddings."""
    data = [{"object": "embedding", "index": place, "embedding": each} for place, each in enumerate(found)]
    return Answer([json.dumps({"data": data, "usage": {"prompt_tokens": 7}}).encode()], headers=JSON)


def test_vectors_come_in_the_order_of_the_texts() -> None:
    """With the tokens that they were billed for."""
    wire = Scripted(a=[vectors([0.5, -0.5], [0.25, 0.0])], b=[])

    (found,), _ = play(wire, asking("embeddings", input=["one", "two"]))

    assert [each["embedding"] for each in found["data"]] == [[0.5, -0.5], [0.25, 0.0]]
    assert [each["index"] for each in found["data"]] == [0, 1]
    assert found["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert found["chain"]["served_by"] == "a"


def test_vectors_come_as_base64_where_that_is_asked_for() -> None:
    """OpenAI's SDK asks for base64 by default."""
    wire = Scripted(a=[vectors([0.5, -0.5])], b=[])

    (found,), _ = play(wire, asking("embeddings", input="one", encoding_format="base64"))

    assert struct.unpack("<2f", base64.b64decode(found["data"][0]["embedding"])) == (0.5, -0.5)


@pytest.mark.parametrize("few", [vectors([0.5]), vectors(), Answer([b"{}"], headers=JSON)])
def test_too_few_vectors_are_no_answer(few: Answer) -> None:
    """It is unknown which text has none."""
    wire = Scripted(a=[few], b=[vectors([0.5], [0.25])])

    (found,), rows = play(wire, asking("embeddings", input=["one", "two"]))

    assert found["chain"]["served_by"] == "b"
    assert [row.outcome for row in rows] == ["malformed", "ok"]


@pytest.mark.parametrize(
    ("dialect", "asked", "problem"),
    [("anthropic", ["one"], "a has no embeddings"), ("openai", [1, 2], "`input` is a text")],
)
def test_what_cannot_be_embedded_is_refused(dialect: str, asked: list[Any], problem: str) -> None:
    """Before any provider is asked."""
    with pytest.raises(ValueError, match=problem):
        play(Scripted(a=[], b=[]), asking("embeddings", input=asked), dialect=dialect)


async def _headers(ask: Ask, _clock: Clock) -> dict[str, str]:
    async with aclosing(ask("embeddings", {"model": "a", "input": "one"})) as pieces:
        return (await opening(pieces))[0]


def test_embeddings_have_the_chains_headers() -> None:
    """As chats have."""
    headers, _ = play(Scripted(a=[vectors([0.5])], b=[]), _headers)
    assert headers["x-chain-served-by"] == "a"
