"""What the wire formats have in common."""

from __future__ import annotations

import hashlib
import json
import re
from email.utils import formatdate
from typing import Any, NamedTuple

from harness.chain import ReplySpec
from harness.provider import text as mocked
from harness.provider.answer import Call, Delay, Problem
from harness.provider.reply import End, Head, Headers, Send, Step, Wait

CREATED = 1_767_225_600
"""`created` in every answer: a fixed second, for a provider here has no clock and must say the same every time."""

_MODEL_CHARS_MAX = 200
_END = End()

STATUS: dict[Problem, int] = {
    "rate_limit": 429,
    "quota": 429,
    "spend_limit": 429,
    "overloaded": 503,
    "server_error": 500,
    "unavailable": 503,
    "timeout": 504,
    "context_length": 400,
    "content_filter": 400,
    "invalid_request": 400,
    "auth": 401,
    "permission": 403,
    "not_found": 404,
    "too_large": 413,
    "unknown_path": 404,
}
"""The status that usually goes with a problem."""

_USUAL: dict[int, Problem] = {
    401: "auth",
    402: "quota",
    403: "permission",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    429: "rate_limit",
    503: "unavailable",
    504: "timeout",
    529: "overloaded",
}


def usual(status: int) -> Problem:
    """Return the problem that usually goes with a status from 400 to 599."""
    return _USUAL.get(status, "invalid_request" if status < 500 else "server_error")


class Said(NamedTuple):
    """What a provider that is well says in one answer.

    Attributes:
        tokens: How many, the first included.
        finish: Whether it came to its own end, rather than to the caller's limit.
        text: All of it.
        sha256: Hash of the text, hexadecimal; its head makes ids that are unique and the same in every run.
    """

    tokens: int
    finish: bool
    text: str
    sha256: str


def say(spec: ReplySpec, call: Call, attempt_id: str) -> Said:
    """Return what a provider says: at most as many tokens as the caller takes."""
    limit = call.max_tokens
    tokens = spec.tokens if limit is None or limit >= spec.tokens else limit
    text = mocked.text(attempt_id, tokens)
    return Said(tokens, tokens == spec.tokens, text, hashlib.sha256(text.encode()).hexdigest())


def plain(spec: ReplySpec, tokens: int, headers: Headers, body: bytes, text: str) -> list[Step]:
    """Return a whole answer: it leaves when the last token is there."""
    generated_ns = round((tokens - 1) * 1e9 / spec.tokens_per_second) if spec.tokens_per_second else 0
    head = Head(200, (*headers, ("content-length", str(len(body)))))
    wait_ns = spec.ttft + generated_ns
    return [Wait(wait_ns), head, Send(body, text), _END] if wait_ns else [head, Send(body, text), _END]


def stream(spec: ReplySpec, headers: Headers, opening: bytes, tokens: list[Send], closing: list[Send]) -> list[Step]:
    """Return a stream: headers and opening events leave with the first token, the closing events with the last."""
    steps: list[Step] = [Wait(spec.ttft), Head(200, headers), Send(opening), tokens[0]]
    if spec.tokens_per_second:
        gap = Wait(round(1e9 / spec.tokens_per_second))
        for token in tokens[1:]:
            steps += (gap, token)
    else:
        steps += tokens[1:]
    steps += (*closing, _END)
    return steps


def failure(status: int, headers: Headers, body: Any) -> list[Step]:
    """Return an error answer; it leaves at once."""
    data = json.dumps(body).encode()
    length = ("content-length", str(len(data)))
    return [Head(status, (("content-type", "application/json"), *headers, length)), Send(data), _END]


class Told(NamedTuple):
    """A delay as an answer tells it.

    Attributes:
        headers: That tell it; none where the body does.
        ns: What was told, after rounding, in nanoseconds.
        in_body: Whether the body tells it.
    """

    headers: Headers
    ns: int | None
    in_body: bool


def tell(delay: Delay | None, usual: str) -> Told:
    """Return how a delay is told.

    Args:
        delay: What is to be told; None for nothing.
        usual: The dialect's way: `seconds`, `seconds+ms` (milliseconds too where those say more), `body`.
    """
    if delay is None:
        return Told((), None, in_body=False)
    way = delay.told_as or usual
    seconds = -(-delay.ns // 10**9)
    if way == "date":
        at_s = -(-(delay.wall_ns + delay.ns) // 10**9)
        date = formatdate(at_s, usegmt=True)
        return Told((("retry-after", date),), at_s * 10**9 - delay.wall_ns, in_body=False)
    if way == "ms" or (way == "seconds+ms" and delay.ns % 10**9):
        ms = -(-delay.ns // 10**6)
        whole = (("retry-after", str(seconds)),) if way == "seconds+ms" else ()
        return Told((*whole, ("retry-after-ms", str(ms))), ms * 10**6, in_body=False)
    if way == "body":
        return Told((), delay.ns, in_body=True)
    return Told((("retry-after", str(seconds)),), seconds * 10**9, in_body=False)


def name(attempt_id: str, purpose: str) -> str:
    """Return 32 hexadecimal digits for an id that has no text to be made from."""
    return hashlib.blake2b(f"{purpose} {attempt_id}".encode(), digest_size=16).hexdigest()


def read(body: bytes, *, model: str | None = None) -> Call:
    """Return the call in a chat request's JSON body; the dialects here use the same field names.

    Args:
        body: As received.
        model: Named by the address, where the body need not name one.
    """
    try:
        data = json.loads(body.decode())
    except (ValueError, RecursionError):
        return Call(model=model, problem="invalid_request")
    if not isinstance(data, dict) or not isinstance(messages := data.get("messages"), list):
        return Call(model=model, problem="invalid_request")
    named = model or data.get("model")
    if not isinstance(named, str) or not 0 < len(named) <= _MODEL_CHARS_MAX or not named.isprintable():
        return Call(problem="invalid_request")
    options = data.get("stream_options")
    return Call(
        model=named,
        streaming=data.get("stream") is True,
        usage=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=_limit(data.get("max_tokens")) or _limit(data.get("max_completion_tokens")),
        prompt_tokens=max(1, (_chars(messages) + _chars(data.get("system"))) // 4),
    )


def _limit(value: Any) -> int | None:
    return value if type(value) is int and value >= 1 else None


def _chars(content: Any) -> int:
    """Return the characters of text in messages, or in the content of one."""
    if not isinstance(content, list):
        return len(content) if isinstance(content, str) else 0
    count = 0
    for part in content:  # a message has `content`, a part of one has `text`
        if isinstance(part, dict):
            inner = part.get("content")
            count += len(inner) if isinstance(inner, str) else _part_chars(part)
    return count


def _part_chars(part: dict[str, Any]) -> int:
    text = part.get("text")
    if isinstance(text, str):
        return len(text)
    inner = part.get("content")
    if not isinstance(inner, list):
        return 0
    return sum(len(item["text"]) for item in inner if isinstance(item, dict) and isinstance(item.get("text"), str))


_USAGE = ("usage", "usageMetadata")


def data_of(event: bytes) -> Any:
    """Return what stands in an event's `data:` lines, as JSON; None where it is none."""
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    try:
        return json.loads(b"\n".join(lines))
    except ValueError:
        return None


def with_data(event: bytes, data: Any) -> bytes:
    """Return an event that says something else."""
    kept = b"".join(line + b"\n" for line in event.splitlines() if line and not line.startswith(b"data:"))
    return kept + b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage; empty where it says nothing else."""
    if not any(name.encode() in event for name in _USAGE):
        return event
    data = data_of(event)
    if not isinstance(data, dict):
        return event
    inner = data.get("message")
    kept = {name: value for name, value in data.items() if name not in _USAGE}
    if isinstance(inner, dict) and "usage" in inner:
        kept["message"] = {name: value for name, value in inner.items() if name != "usage"}
    if kept == data:
        return event
    if kept.get("choices") == []:
        return b""
    return with_data(event, kept)


def replaced(event: bytes, key: str, value: str) -> bytes:
    """Return an event with a text that stands under a key, wherever it does, replaced."""
    pattern = rb'("' + key.encode() + rb'"\s*:\s*)"[^"]*"'
    return re.sub(pattern, lambda match: match[1] + b'"' + value.encode() + b'"', event)
