"""What an answer is to its caller: read as the official client of its form reads it, and refused where that raises."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.caller.sse import Event, SseParser
from harness.history.records import RequestOutcome
from harness.provider import tools
from harness.provider.dialects.wire import as_object, count_of, load
from harness.provider.tools import ToolCall

WRONG_SHAPE = "answer of the wrong shape"
NO_CONTENT = "no content"
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a caller took an answer.

    Attributes:
        outcome: `ok`, `truncated` or `error`.
        text: The text that arrived, complete or not; None if none could be read. Calls of tools follow it in the form of
            `tools.called`, and vectors are the texts that they spell.
        error: What went wrong, in short, with the error body's own sentence after a 429 or a 5xx. An answer that the official
            client accepts silently is `ok`, and this names what is missing from it.
        tokens_in: Prompt tokens as reported.
        tokens_out: Completion tokens as reported.
        content: The model's own text, without calls.
        calls: The calls of tools in it.
    """

    outcome: RequestOutcome
    text: str | None = None
    error: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    content: str = ""
    calls: tuple[ToolCall, ...] = ()


def whole(
    content: str,
    calls: tuple[ToolCall, ...] = (),
    *,
    tokens: tuple[int | None, int | None] = (None, None),
    error: str | None = None,
    broken: bool = False,
) -> Reading:
    """Return the reading of an answer that was taken.

    Args:
        content: The model's own text.
        calls: The calls of tools beside it.
        tokens: Prompt and completion tokens as reported.
        error: What is missing from it; what went wrong, if it broke off.
        broken: Whether it broke off.
    """
    if error is None and any(not is_json(call.arguments) for call in calls):
        error = "the arguments of a call are no JSON"
    return Reading(
        outcome="truncated" if broken else "ok",
        text=tools.whole(content, calls),
        error=error,
        tokens_in=tokens[0],
        tokens_out=tokens[1],
        content=content,
        calls=calls,
    )


def wrong_shape(found: str) -> Reading:
    """Return the reading of a 2xx answer that its client cannot read."""
    return Reading(outcome="error", error=f"{WRONG_SHAPE}: {found}")


def read_failure(status: int, body: bytes) -> Reading:
    """Return the reading of an answer that is no 2xx."""
    answer = load(body)
    code = error_code(answer)
    # A refusal of the caller (401 and the like) may quote its key.
    message = _error_message(answer) if status == 429 or status >= 500 else ""
    named = f"{status} {code}" if code is not None and code != str(status) else str(status)
    return Reading(outcome="error", error=f"{named}: {message}" if message else named)


class StreamReading(ABC):
    """The reading of a 2xx answer to a request that asked for a stream, as it comes in.

    Attributes:
        finished: Nothing more counts: the last event came, or something that the official client raises on.
        has_text: Whether any content has come.
    """

    def __init__(self) -> None:
        self.finished = False
        self.has_text = False
        self._parser = SseParser()
        self._pieces: list[str] = []
        self._calls: list[ToolCall] = []
        self._error: str | None = None
        self._events = 0
        self._tokens: tuple[int | None, int | None] = (None, None)

    def feed(self, data: bytes) -> None:
        """Take in bytes of the body, in whatever pieces they come."""
        for event in self._parser.feed(data):
            if self.finished:
                return
            self._events += 1
            self._take(event)

    def end(self, broken: str | None = None) -> Reading:
        """Return the reading.

        Args:
            broken: How the body broke off; None where it ended properly. It counts only for an unfinished stream.
        """
        error = self._error if self.finished else broken
        missing = None if self.has_text else NO_CONTENT if self._events else "no event in the stream"
        return whole(
            "".join(self._pieces),
            tools.joined(self._calls),
            tokens=self._tokens,
            error=error or missing,
            broken=error is not None,
        )

    @abstractmethod
    def _take(self, event: Event) -> None:
        """Take in one event."""

    def _text(self, piece: str) -> None:
        if piece:
            self.has_text = True
            self._pieces.append(piece)

    def _call(self, piece: ToolCall) -> None:
        self.has_text = True
        self._calls.append(piece)

    def _refuse(self, error: str) -> None:
        self._error = error
        self.finished = True

    def _refuse_error(self, data: Any) -> None:
        code = error_code(data)
        self._refuse(f"error in the stream: {code}" if code else "error in the stream")


class AnswerForm(NamedTuple):
    """A form in which callers ask.

    Attributes:
        headers: Sent along with every request.
        request: Returns the body of a request.
        plain: Returns the reading of a complete 2xx answer to a request that did not ask for a stream.
        stream: Reads a stream; None where there are none.
    """

    headers: Mapping[str, str]
    request: Callable[[Asked], dict[str, Any]]
    plain: Callable[[bytes], Reading]
    stream: Callable[[], StreamReading] | None


class Asked(NamedTuple):
    """What a request asks for.

    Attributes:
        texts: The prompt, with the request's marker at its end; several for embeddings.
        model: Which model.
        streaming: A stream.
        max_tokens: At most so many tokens of text; None for no limit.
        tools: Whether tools are offered.
        earlier: What was said before in the conversation: messages in OpenAI's form.
    """

    texts: tuple[str, ...]
    model: str
    streaming: bool
    max_tokens: int | None
    tools: bool = False
    earlier: tuple[dict[str, Any], ...] = ()


def error_code(answer: Any) -> str | None:
    """Return the code that an error body gives, in any of the providers' shapes; None where it gives none."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, str):
        return error if _CODE.fullmatch(error) else None
    if not isinstance(error, dict):
        return None
    names = [str(error[key]) for key in ("code", "type", "status") if isinstance(error.get(key), str | int)]
    names = [name for name in names if _CODE.fullmatch(name)]
    words = [name for name in names if not name.isdecimal()]
    return next(iter(words + names), None)


def _error_message(answer: Any) -> str:
    """Return the sentence in an error body, in one line; empty where it has none."""
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return " ".join(message.split()) if isinstance(message, str) else ""


def shape(body: bytes, answer: Any, missing: str) -> str:
    """Return what a body is that should be an answer and is none."""
    start = body[:64].lstrip().lower()
    if not body.strip():
        return "empty"
    if start.startswith((b"data:", b"event:", b":")):
        return "a stream"
    if start.startswith(b"<"):
        return "HTML or XML"
    if answer is None:
        return "no JSON"
    if code := error_code(answer):
        return code
    if isinstance(answer, dict) and answer.get("error"):
        return "an error"
    return missing


def is_json(text: str) -> bool:
    """Return whether a text is JSON; none at all means no arguments."""
    try:
        json.loads(text or "{}")
    except (ValueError, RecursionError):
        return False
    return True


def usage(data: Any, tokens_in: str, tokens_out: str) -> tuple[int | None, int | None]:
    """Return the tokens that an answer reports, given the names of the fields."""
    found = as_object(as_object(data).get("usage"))
    return count_of(found.get(tokens_in)), count_of(found.get(tokens_out))
