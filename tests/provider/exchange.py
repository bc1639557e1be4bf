"""Calls to mocked providers and what comes back, for the tests of all dialects."""

import json
import re
import typing
from collections.abc import Iterator
from typing import Any

from harness.chain import Provider, ReplySpec
from harness.provider.answer import Answer, Call, Delay, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.dialects.aws_events import AWS_EVENTS
from harness.provider.dialects.bedrock_events import content_of
from harness.provider.dialects.framing import LINES
from harness.provider.inject import ErrorPreset
from harness.provider.reply import Head, Send, Wait
from harness.provider.respond import parse, respond

ATTEMPT = "req-000001.openai.2"
CALL = Call(model="gpt-4")
REQUEST_IDS = frozenset(("request-id", "x-request-id", "x-ds-trace-id", "x-debug-trace-id", "x-amzn-requestid"))
"""The headers with a provider's own name for a call."""
PRESETS: tuple[ErrorPreset, ...] = typing.get_args(ErrorPreset)

GEMINI = "/v1beta/models/gpt-4:generateContent"
GEMINI_STREAM = "/v1beta/models/gpt-4:streamGenerateContent?alt=sse"
VERTEX = "/v1/projects/p/locations/global/publishers"
WAYS = {
    "openai": "/v1/chat/completions",
    "responses": "/v1/responses",
    "azure": "/openai/deployments/gpt-4/chat/completions?api-version=2024-06-01",
    "anthropic": "/v1/messages",
    "gemini": GEMINI,
    "openrouter": "/api/v1/chat/completions",
    "deepseek": "/chat/completions",
    "openai-compatible": "/v1/chat/completions",
    "cohere": "/v2/chat",
    "bedrock": "/model/gpt-4/converse",
    "bedrock-invoke": "/model/gpt-4/invoke",
    "vertex_ai": f"{VERTEX}/google/models/gpt-4:generateContent",
    "vertex_ai-claude": f"{VERTEX}/anthropic/models/gpt-4:rawPredict",
    "ollama": "/api/generate",
    "ollama_chat": "/api/chat",
}
"""Every way to ask, by the name of its dialect; `responses` is OpenAI's second, and `bedrock-invoke` Bedrock's, with Anthropic's bodies,
as has Vertex AI's second."""
STREAMED = {
    **WAYS,
    "gemini": GEMINI_STREAM,
    "bedrock": "/model/gpt-4/converse-stream",
    "bedrock-invoke": "/model/gpt-4/invoke-with-response-stream",
    "vertex_ai": f"{VERTEX}/google/models/gpt-4:streamGenerateContent?alt=sse",
    "vertex_ai-claude": f"{VERTEX}/anthropic/models/gpt-4:streamRawPredict",
}
"""The same for a stream."""
IN_ADDRESS = ("azure", "gemini", "bedrock", "bedrock-invoke", "vertex_ai", "vertex_ai-claude")
"""Ways whose address names the model."""
SERVER_SENT = tuple(way for way in WAYS if not way.startswith(("bedrock", "ollama")))
"""Ways whose streams are server-sent events."""


def dialect_of(way: str) -> str:
    """Return the name of a way's dialect."""
    return {"responses": "openai", "bedrock-invoke": "bedrock", "vertex_ai-claude": "vertex_ai"}.get(way, way)


def format_of(way: str) -> str:
    """Return the first way whose bodies a way has."""
    return {"bedrock-invoke": "anthropic", "vertex_ai": "gemini", "vertex_ai-claude": "anthropic"}.get(way, way)


def provider(way: str, **reply: Any) -> Provider:
    """Return a provider that may be asked in a way."""
    return Provider(dialect=dialect_of(way), model="gpt-4", reply=ReplySpec(**reply))


def body(
    way: str, *, model: str = "gpt-4", stream: bool = False, max_tokens: int | None = None, **fields: Any
) -> bytes:
    """Return a call of ten tokens."""
    text = "x" * 40
    if format_of(way) == "gemini":
        config = {} if max_tokens is None else {"generationConfig": {"maxOutputTokens": max_tokens}}
        return json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}], **config, **fields}).encode()
    if way == "bedrock":
        config = {} if max_tokens is None else {"inferenceConfig": {"maxTokens": max_tokens}}
        return json.dumps({"messages": [{"role": "user", "content": [{"text": text}]}], **config, **fields}).encode()
    in_body = format_of(way) == way
    asked = {"model": model, "stream": stream} if in_body else {"anthropic_version": "x"}
    if way == "responses":
        limit = {} if max_tokens is None else {"max_output_tokens": max_tokens}
        return json.dumps({**asked, "input": text, **limit, **fields}).encode()
    if way in ("ollama", "ollama_chat"):
        config = {} if max_tokens is None else {"options": {"num_predict": max_tokens}}
        prompt = {"prompt": text} if way == "ollama" else {"messages": [{"role": "user", "content": text}]}
        return json.dumps({**asked, **prompt, **config, **fields}).encode()
    if format_of(way) == "anthropic" and max_tokens is None:
        max_tokens = 1000  # which must be said
    limit = {} if max_tokens is None else {"max_tokens": max_tokens}
    return json.dumps({**asked, "messages": [{"role": "user", "content": text}], **limit, **fields}).encode()


def ask(way: str, reply: dict[str, Any] | None = None, *, stream: bool = False, **fields: Any) -> Answer:
    """Return what a healthy provider answers."""
    spec = provider(way, **(reply or {}))
    path = STREAMED[way] if stream else WAYS[way]
    return respond(spec, parse(spec, "POST", path, body(way, stream=stream, **fields)), ATTEMPT)


def refuse(
    way: str, problem: ErrorPreset | None = None, status: int | None = None, delay: Delay | None = None
) -> Answer:
    """Return what a provider answers that refuses."""
    return DIALECTS[dialect_of(way)].fail(Refusal(CALL, ATTEMPT, status=status, problem=problem, delay=delay))


def head(answer: Answer) -> Head:
    """Return the answer's head."""
    return next(step for step in answer.reply if isinstance(step, Head))


def headers(answer: Answer) -> dict[str, str]:
    """Return the answer's headers."""
    return dict(head(answer).headers)


def sends(answer: Answer) -> list[Send]:
    """Return what the answer sends, piece by piece."""
    return [step for step in answer.reply if isinstance(step, Send)]


def sent(answer: Answer) -> bytes:
    """Return all bytes of the body."""
    return b"".join(step.data for step in sends(answer))


def said(answer: Answer) -> Any:
    """Return a plain answer's JSON."""
    return json.loads(sent(answer))


def message_of(answer: Answer) -> str:
    """Return the message of an error answer."""
    data = said(answer)
    error = data.get("error", data)
    return error if isinstance(error, str) else str(error["message"])


def waited_ns(answer: Answer) -> int:
    """Return how long the answer takes."""
    return sum(step.ns for step in answer.reply if isinstance(step, Wait))


def split(raw: bytes) -> list[bytes]:
    """Return a stream's events: server-sent ones, each with its blank line, lines of JSON, or AWS's, which begin with a zero."""
    if raw[:1] == b"{":
        return LINES.events(raw)
    return AWS_EVENTS.events(raw) if raw[:1] == b"\0" else re.findall(rb".+?\n\n", raw, re.DOTALL)


def data_of(events: list[bytes]) -> Iterator[Any]:
    """Give the JSON of each event that has some; comments and `[DONE]` have none."""
    for event in events:
        if event[:1] == b"\0":
            yield content_of(event).data
            continue
        if event[:1] == b"{":
            yield json.loads(event)
            continue
        for line in event.decode().splitlines():
            if line.startswith("data: ") and line != "data: [DONE]":
                yield json.loads(line[6:])


def readable(raw: bytes) -> str:
    """Return what is sent as text, without the frames and the wrapping of AWS's events."""
    return "".join(map(json.dumps, data_of(split(raw)))) if raw[:1] == b"\0" else raw.decode()


def text_of(way: str, data: Any) -> str:
    """Return the text in a whole answer."""
    if way == "bedrock":
        return str(data["output"]["message"]["content"][0]["text"])
    if format_of(way) == "anthropic":
        return str(data["content"][0]["text"])
    if way == "cohere":
        return str(data["message"]["content"][0]["text"])
    if format_of(way) == "gemini":
        return str(data["candidates"][0]["content"]["parts"][0]["text"])
    if way == "responses":
        return str(data["output"][0]["content"][0]["text"])
    if way == "ollama":
        return str(data["response"])
    if way == "ollama_chat":
        return str(data["message"]["content"])
    return str(data["choices"][0]["message"]["content"])
