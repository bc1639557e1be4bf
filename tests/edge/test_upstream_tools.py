"""Calls of tools in a real provider's answer, as they are recorded."""

import json
from typing import Any

from harness.scenario import Inject
from tests.plans import window

from .conftest import Open, chat, post
from .upstreams import DONE, USAGE, says, sha, streams, token, upstream

TEXT = 'let me seeget_weather({"city":"Paris","days":2})now({})'


def event(*calls: dict[str, Any], finish: str | None = None) -> bytes:
    """Return an event with pieces of calls."""
    delta = {"tool_calls": list(calls)} if calls else {}
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n".encode()


STREAM = (
    token("let me see"),
    event({"index": 0, "id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}),
    event({"index": 0, "function": {"arguments": '{"days": 2,'}}),
    event({"index": 0, "function": {"arguments": ' "city": "Paris"}'}}),
    event({"index": 1, "id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}}),
    event(finish="tool_calls"),
)


async def test_a_streams_calls_are_its_text(scene: Open) -> None:
    """However the provider spells and cuts their arguments; each piece of arguments is a token."""
    async with upstream(streams(*STREAM, DONE)) as real, scene(openai=real.provider()) as s:
        await s.ask(post(chat(stream=True)))
        (record,) = await s.recorded(1)
    assert (record.text_sha256, record.text_chars) == (sha(TEXT), len(TEXT))
    assert (record.outcome, record.tokens_out) == ("ok", 4)


async def test_a_plain_answers_calls_are_its_text(scene: Open) -> None:
    """The same text as that of the stream."""
    calls = [
        {"id": "c1", "function": {"name": "get_weather", "arguments": '{"city": "Paris", "days": 2}'}},
        {"id": "c2", "function": {"name": "now", "arguments": "{}"}},
    ]
    message = {"role": "assistant", "content": "let me see", "tool_calls": calls}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode()
    async with upstream(says("200 OK", body)) as real, scene(openai=real.provider()) as s:
        await s.ask(post(chat()))
        (record,) = await s.recorded(1)
    assert record.text_sha256 == sha(TEXT)


async def test_a_cut_inside_the_arguments_keeps_what_was_meant(scene: Open) -> None:
    """The provider sent the whole call, and bills it; the fault kept half of it from the caller."""
    cut = window(Inject(stream="cut", after_tokens=2))
    async with upstream(streams(*STREAM, USAGE, DONE)) as real, scene(cut, openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        got = await client.reader.read()
        (record,) = await s.recorded(1)
    assert b"days" in got
    assert b"Paris" not in got
    assert (record.outcome, record.fault_id, record.text_sha256) == ("cut", "fault-1", sha(TEXT))


async def test_half_a_call_that_a_filter_ended_is_of_unknown_text(scene: Open) -> None:
    """What the provider did not mean to send any more cannot be told from a piece of a call."""
    filtered = window(Inject(stream="content_filter", after_tokens=2))
    async with upstream(streams(*STREAM, DONE)) as real, scene(filtered, openai=real.provider()) as s:
        await s.ask(post(chat(stream=True)))
        (record,) = await s.recorded(1)
    assert (record.fault_id, record.text_sha256) == ("fault-1", None)
