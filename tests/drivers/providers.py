"""Tiny mocked providers on the loopback, one port each, that answer as a test scripts them."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

_KEY_HEADERS = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
WORDS = ("one ", "two ", "three ")


@dataclass
class Mock:
    """One provider: `act` names what it does next, `keys`, `paths`, `credentials` and `peers` what it was called with."""

    act: str = "ok"
    base_url: str = ""
    keys: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)
    peers: list[object] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def recover(self) -> None:
        """Be well again, and forget everything."""
        self.act = "ok"
        self.gone.clear()
        for seen in (self.keys, self.paths, self.credentials, self.peers):
            seen.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        body = await request.json()
        self.keys.append(request.headers.get("x-harness-attempt"))
        self.paths.append(request.path)
        self.peers.append(request.transport and request.transport.get_extra_info("peername"))
        self.credentials.append(next((request.headers[name] for name in _KEY_HEADERS if name in request.headers), None))
        if self.act.isdecimal():
            return self._status(request)
        if self.act == "hang":
            try:
                await asyncio.sleep(60)
            finally:
                self.gone.set()
        if self.act == "reset":
            return reset(request)
        if self.act == "page":
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        if request.path.endswith("/messages"):
            answer, events = anthropic_answer(), anthropic_events()
        elif request.path.endswith("/responses"):
            answer, events = responses_answer(), responses_events()
        elif request.path.endswith("/embeddings"):
            answer, events = embeddings_answer(len(body["input"])), []
        elif "generateContent" in request.path or "streamGenerateContent" in request.path:
            answer, events = gemini_answer(*WORDS), gemini_events()
        elif body.get("tools"):
            answer, events = tools_answer(), tools_events()
        else:
            answer, events = openai_answer(), openai_events()
        if body.get("stream") or ":stream" in request.path:
            return await self._stream(request, events)
        return web.json_response(answer)

    def _status(self, request: web.Request) -> web.Response:
        headers = {"retry-after": "1"} if self.act == "429" else {}
        message = f"scripted {self.credentials[-1]}"  # an unkind provider repeats the key it was given
        error = {"message": message, "type": "scripted", "param": None, "code": None}
        body = {"type": "error", "error": error} if request.path.endswith("/messages") else {"error": error}
        return web.json_response(body, status=int(self.act), headers=headers)

    async def _stream(self, request: web.Request, events: list[str]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        if self.act == "error-event":
            events = [f"data: {json.dumps({'error': {'message': 'scripted', 'code': 'overloaded'}})}\n\n"]
        if self.act == "malformed":
            events = ['data: {"choices": [\n\n']
        for place, event in enumerate(events):
            if (self.act, place) in (("cut", 3), ("cut-first", 0)):
                assert request.transport is not None
                request.transport.close()
                return response
            if self.act == "stall" and place == 3:
                try:
                    await asyncio.sleep(60)
                finally:
                    self.gone.set()
            await response.write(event.encode())
        await response.write_eof()
        return response


def reset(request: web.Request) -> web.Response:
    """Close the connection by RST."""
    transport = request.transport
    assert transport is not None
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return web.Response()


def openai_answer() -> dict[str, object]:
    """Return a plain answer in OpenAI's format."""
    message = {"role": "assistant", "content": "".join(WORDS)}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
    }


def openai_events() -> list[str]:
    """Return a stream in OpenAI's format."""

    def event(delta: dict[str, str], finish: str | None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4"}
        return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"

    words = [event({"content": word}, None) for word in WORDS]
    return [event({"role": "assistant"}, None), *words, event({}, "stop"), "data: [DONE]\n\n"]


CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
"""What a tool is called with, in OpenAI's format."""
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


def tools_answer() -> dict[str, object]:
    """Return a plain answer with a call of a tool in OpenAI's format."""
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    return {**openai_answer(), "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


def tools_events() -> list[str]:
    """Return a stream with a call of a tool in OpenAI's format: its arguments come in two pieces."""

    def event(delta: dict[str, object], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4"}
        return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"

    def arguments(piece: str) -> dict[str, object]:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}

    begin = {**CALL, "index": 0, "function": {"name": "get_weather", "arguments": ""}}
    pieces = [event({"role": "assistant", "content": None, "tool_calls": [begin]})]
    pieces += [event(arguments('{"city":')), event(arguments('"Paris"}'))]
    return [*pieces, event({}, "tool_calls"), "data: [DONE]\n\n"]


def embeddings_answer(count: int) -> dict[str, object]:
    """Return vectors in OpenAI's format."""
    data = [{"object": "embedding", "index": place, "embedding": [0.5, place / 64]} for place in range(count)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage}


def responses_answer(*, status: str = "completed") -> dict[str, object]:
    """Return one of OpenAI's responses; without its text while it is in progress."""
    part = {"type": "output_text", "annotations": [], "text": "".join(WORDS)}
    item = {"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": [part]}
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 8,
    }
    done = status == "completed"
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": "gpt-4",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "output": [item] if done else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage if done else None,
    }


def responses_events() -> list[str]:
    """Return the stream of one of OpenAI's responses: it has no [DONE]."""
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    item = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    events: list[dict[str, object]] = [
        {"type": "response.created", "response": responses_answer(status="in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        *({"type": "response.output_text.delta", **at, "delta": word, "logprobs": []} for word in WORDS),
        {"type": "response.completed", "response": responses_answer()},
    ]
    return [
        f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': place})}\n\n"
        for place, event in enumerate(events)
    ]


def anthropic_answer() -> dict[str, object]:
    """Return a plain answer in Anthropic's format."""
    return {
        "id": "m-1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "".join(WORDS)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 3},
    }


def anthropic_events() -> list[str]:
    """Return a stream in Anthropic's format."""
    start = {**anthropic_answer(), "content": [], "stop_reason": None}
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": w}} for w in WORDS),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


def gemini_answer(*words: str, last: bool = True) -> dict[str, object]:
    """Return a plain answer in Gemini's format, or one event of its stream."""
    candidate = {"content": {"role": "model", "parts": [{"text": "".join(words)}]}, "index": 0}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 3, "totalTokenCount": 8}
    return {
        "candidates": [{**candidate, "finishReason": "STOP"} if last else candidate],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
    }


def gemini_events() -> list[str]:
    """Return a stream in Gemini's format: it has no [DONE]."""
    parts = [gemini_answer(word, last=word == WORDS[-1]) for word in WORDS]
    return [f"data: {json.dumps(part)}\r\n\r\n" for part in parts]


@asynccontextmanager
async def provider(mock: Mock) -> AsyncIterator[Mock]:
    """Serve a mock on a port of its own."""
    app = web.Application()
    app.router.add_post("/{path:.*}", mock.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        mock.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield mock
    finally:
        await runner.cleanup()


def refused_port() -> str:
    """Return an address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
