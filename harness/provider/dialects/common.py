"""What the wire formats have in common: statuses, and how answers are put together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from harness.provider import text as mocked
from harness.provider.answer import Answer, Call, Problem
from harness.provider.reply import End, Head, Headers, Send, Step, Wait
from harness.provider.spec import ReplySpec

CREATED = 1_767_225_600
"""`created` in every answer: a fixed second, for a provider here has no clock and must say the same every time."""

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


def failing(
    status: int | None, problem: Problem | None, own: Mapping[Problem, int] = MappingProxyType({})
) -> tuple[int, Problem]:
    """Return status and problem, where at least one is given.

    Args:
        status: As told; the problem's usual one if None.
        problem: As told; the status's usual one if None.
        own: The statuses that are unusual at this provider.
    """
    problem = problem or usual(status or 500)
    return status or own.get(problem) or STATUS[problem], problem


class Said(NamedTuple):
    """What a provider that is well says in one answer.

    Attributes:
        tokens: How many, the first included.
        finish: Whether it came to its own end, rather than to the caller's limit.
        text: All of it: letters, digits and a few signs, of which JSON needs none escaped.
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


def tokens_of(attempt_id: str, said: Said, before: bytes, after: bytes) -> list[Send]:
    """Return a stream's tokens, each between the same bytes."""
    return [Send(before + piece.encode() + after, piece) for piece in mocked.pieces(attempt_id, said.tokens)]


def plain(spec: ReplySpec, said: Said, call: Call, headers: Headers, body: bytes) -> Answer:
    """Return a whole answer: it leaves when the last token is there."""
    generated_ns = round((said.tokens - 1) * 1e9 / spec.tokens_per_second) if spec.tokens_per_second else 0
    head = Head(200, (("content-type", "application/json"), *headers, ("content-length", str(len(body)))))
    wait_ns = spec.ttft + generated_ns
    send = Send(body, said.text)
    return _answer([Wait(wait_ns), head, send, _END] if wait_ns else [head, send, _END], said, call)


class Events(NamedTuple):
    """The events of a stream.

    Attributes:
        opening: Those before the first token, together; empty for none.
        tokens: One for each.
        closing: Those after the last.
    """

    opening: bytes
    tokens: list[Send]
    closing: list[Send]


def stream(spec: ReplySpec, said: Said, call: Call, headers: Headers, events: Events) -> Answer:
    """Return a stream: headers and opening events leave with the first token, the closing events with the last."""
    opening, tokens, closing = events
    head = Head(200, (("content-type", "text/event-stream; charset=utf-8"), *headers))
    steps: list[Step] = [Wait(spec.ttft), head]
    if opening:
        steps.append(Send(opening))
    steps.append(tokens[0])
    if spec.tokens_per_second:
        gap = Wait(round(1e9 / spec.tokens_per_second))
        for token in tokens[1:]:
            steps += (gap, token)
    else:
        steps += tokens[1:]
    steps += (*closing, _END)
    return _answer(steps, said, call)


def _answer(reply: list[Step], said: Said, call: Call) -> Answer:
    return Answer(
        reply=reply,
        text=said.text,
        text_sha256=said.sha256,
        tokens_in=call.prompt_tokens,
        tokens_out=said.tokens,
    )


def failure(status: int, headers: Headers, body: Any) -> list[Step]:
    """Return an error answer; it leaves at once."""
    data = json.dumps(body).encode()
    length = ("content-length", str(len(data)))
    return [Head(status, (("content-type", "application/json"), *headers, length)), Send(data), _END]


def name(attempt_id: str, purpose: str) -> str:
    """Return 32 hexadecimal digits for an id that has no text to be made from."""
    return hashlib.blake2b(f"{purpose} {attempt_id}".encode(), digest_size=16).hexdigest()


def uuid(digits: str) -> str:
    """Return hexadecimal digits in the groups of a UUID."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


@lru_cache(maxsize=64)
def quoted(model: str) -> str:
    """Return a model's name as JSON."""
    return json.dumps(model)
