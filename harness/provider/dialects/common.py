"""What the wire formats share: statuses, and how answers are put together."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from harness.provider import text as mocked
from harness.provider import vectors
from harness.provider.answer import Answer, Call, Problem, Refusal
from harness.provider.mocked_calls import MockCall, mocked_calls
from harness.provider.reply import End, Head, Headers, Send, Step, Wait
from harness.provider.spec import ReplySpec

E = TypeVar("E")

CREATED = 1_767_225_600
"""`created` in every answer: a fixed second, as a mocked provider has no clock and must answer the same every time."""

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


def failing(refusal: Refusal, own: Mapping[Problem, int] = MappingProxyType({})) -> tuple[int, Problem]:
    """Return the status and the problem of an error answer.

    Args:
        refusal: Has at least one of them.
        own: The statuses that are unusual at this provider.
    """
    problem = refusal.problem or usual(refusal.status or 500)
    if refusal.violation is not None and refusal.status is None:
        return STATUS["invalid_request"], problem
    return refusal.status or own.get(problem) or STATUS[problem], problem


def named(message: str, call: Call) -> str:
    """Return an error message with the requested model filled in, and the lengths of a prompt that is too long.

    `{window:8192}` stands for the context window and `{tokens:9001}` for the length, with what is said where they are not known.
    """
    lengths = {"window": call.window, "tokens": call.prompt_tokens + (call.max_tokens or 0)}
    filled = _LENGTH.sub(lambda found: str(lengths[found[1]]) if call.window else found[2], message)
    return filled.replace("{model}", call.model or "unknown")


_LENGTH = re.compile(r"\{(window|tokens):(\d+)\}")


def for_every_problem(errors: Mapping[Problem, E]) -> Mapping[Problem, E]:
    """Return a provider's errors.

    Raises:
        ValueError: A problem has none.
    """
    if missing := STATUS.keys() - errors.keys():
        raise ValueError(f"no error for {', '.join(sorted(missing))}")
    return errors


class MockAnswer(NamedTuple):
    """The answer of a healthy mocked provider.

    Attributes:
        tokens: How many, the first included.
        complete: Whether it comes to its own end, rather than to the caller's limit.
        text: All of it: letters, digits and a few signs, none of which JSON escapes.
        sha256: Hash of the text, hexadecimal; its head makes ids that are unique and the same in every run.
        vectors: What each vector spells, in an answer with embeddings; the text is all of them.
        calls: The calls of tools, in an answer that has them in place of a text of the model's; the text is that of all of them.
    """

    tokens: int
    complete: bool
    text: str
    sha256: str
    vectors: tuple[str, ...] = ()
    calls: tuple[MockCall, ...] = ()


def mock_answer(spec: ReplySpec, call: Call, attempt_id: str) -> MockAnswer:
    """Return a provider's answer: vectors, or at most as many tokens as the caller takes, of a text or of calls."""
    if call.inputs:
        spelled = vectors.texts(attempt_id, call.inputs, call.dimensions or vectors.DIMENSIONS)
        text = "".join(spelled)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        return MockAnswer(tokens=0, complete=True, text=text, sha256=sha256, vectors=spelled)
    limit = call.max_tokens
    tokens = spec.tokens if limit is None or limit >= spec.tokens else limit
    if call.tools:
        calls = mocked_calls(call.tools, attempt_id, tokens, partial(name, attempt_id))
        text = "".join(each.text for each in calls)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        return MockAnswer(sum(len(each.pieces) for each in calls), complete=True, text=text, sha256=sha256, calls=calls)
    text = mocked.text(attempt_id, tokens)
    return MockAnswer(tokens, tokens == spec.tokens, text, hashlib.sha256(text.encode()).hexdigest())


def tokens_of(attempt_id: str, mock: MockAnswer, before: bytes, after: bytes) -> list[Send]:
    """Return a stream's tokens, each between the same bytes."""
    return [Send(before + piece.encode() + after, piece) for piece in mocked.pieces(attempt_id, mock.tokens)]


def plain(spec: ReplySpec, mock: MockAnswer, call: Call, headers: Headers, body: bytes) -> Answer:
    """Return a plain answer: it leaves when its last token has been generated."""
    generated_ns = round(max(0, mock.tokens - 1) * 1e9 / spec.tokens_per_second) if spec.tokens_per_second else 0
    head = Head(200, (("content-type", "application/json"), *headers, ("content-length", str(len(body)))))
    wait_ns = spec.ttft + generated_ns
    send = Send(body, mock.text)
    return _answer([Wait(wait_ns), head, send, _END] if wait_ns else [head, send, _END], mock, call)


class Events(NamedTuple):
    """The events of a stream.

    Attributes:
        opening: Those before the first token, together; empty for none.
        tokens: One for each.
        closing: Those after the last.
        content_type: Of the stream.
    """

    opening: bytes
    tokens: list[Send]
    closing: list[Send]
    content_type: str = "text/event-stream; charset=utf-8"


def stream(spec: ReplySpec, mock: MockAnswer, call: Call, headers: Headers, events: Events) -> Answer:
    """Return a stream: headers and opening events leave with the first token, the closing events with the last."""
    opening, tokens, closing, content_type = events
    head = Head(200, (("content-type", content_type), *headers))
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
    return _answer(steps, mock, call)


def _answer(reply: list[Step], mock: MockAnswer, call: Call) -> Answer:
    return Answer(
        reply=reply,
        text=mock.text,
        text_sha256=mock.sha256,
        tokens_in=call.prompt_tokens,
        tokens_out=mock.tokens,
        cached=call.cached if call.prefixes else None,
    )


def failure(status: int, headers: Headers, body: Any) -> list[Step]:
    """Return an error answer, which leaves at once."""
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
