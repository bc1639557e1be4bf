"""What an answer is to its caller: read as the official OpenAI client reads it, and refused where it raises."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from harness.caller.sse import Event, SseParser
from harness.history.records import RequestOutcome

WRONG_SHAPE = "answer of the wrong shape"
NO_CONTENT = "no content"
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a caller took an answer.

    Attributes:
        outcome: `ok`, `truncated` or `error`.
        text: The text that arrived, complete or not; None if none could be read.
        error: What went wrong, in short, with the error body's own sentence after a 429 or a 5xx. An answer that the official
            client accepts silently is `ok`, and this names what is missing from it.
        tokens_in: Prompt tokens as reported.
        tokens_out: Completion tokens as reported.
    """

    outcome: RequestOutcome
    text: str | None = None
    error: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


def read_failure(status: int, body: bytes) -> Reading:
    """Return the reading of an answer that is no 2xx."""
    answer = _json(body)
    code = error_code(answer)
    # A refusal of the caller (401 and the like) may quote its key.
    message = _error_message(answer) if status == 429 or status >= 500 else ""
    named = f"{status} {code}" if code is not None and code != str(status) else str(status)
    return Reading(outcome="error", error=f"{named}: {message}" if message else named)


def read_plain(body: bytes) -> Reading:
    """Return the reading of a complete 2xx answer to a request that did not ask for a stream.

    Content may be null: the official client hands None over and raises nothing. It is then the empty text.
    """
    answer = _json(body)
    try:
        message = answer["choices"][0]["message"]
        content = message.get("content")
    except (TypeError, LookupError, AttributeError):
        return Reading(outcome="error", error=f"{WRONG_SHAPE}: {_shape(body, answer)}")
    if not isinstance(content, str | None):
        return Reading(outcome="error", error=f"{WRONG_SHAPE}: content is no text")
    tokens_in, tokens_out = _usage(answer)
    error = NO_CONTENT if content is None and not message.get("tool_calls") else None
    return Reading(outcome="ok", text=content or "", error=error, tokens_in=tokens_in, tokens_out=tokens_out)


class StreamReading:
    """The reading of a 2xx answer to a request that asked for a stream, as it comes in.

    Attributes:
        finished: Nothing more counts: `[DONE]` came, or something that the official client raises on.
    """

    def __init__(self) -> None:
        self.finished = False
        self._parser = SseParser()
        self._pieces: list[str] = []
        self._error: str | None = None
        self._events = 0
        self._tokens: tuple[int | None, int | None] = (None, None)

    @property
    def has_text(self) -> bool:
        """Whether any content has come."""
        return bool(self._pieces)

    def feed(self, data: bytes) -> None:
        """Take in bytes of the body, in whatever pieces they come."""
        for event in self._parser.feed(data):
            if self.finished:
                return
            self._take(event)

    def end(self, broken: str | None = None) -> Reading:
        """Return the reading.

        Args:
            broken: How the body broke off; None where it ended properly. It counts only for an unfinished stream.
        """
        error = self._error if self.finished else broken
        missing = None if self._pieces else NO_CONTENT if self._events else "no event in the stream"
        tokens_in, tokens_out = self._tokens
        return Reading(
            outcome="truncated" if error else "ok",
            text="".join(self._pieces),
            error=error or missing,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
        )

    def _take(self, event: Event) -> None:
        self._events += 1
        if event.data.startswith("[DONE]"):
            self.finished = True
            return
        chunk = _json(event.data.encode())
        if event.name == "error" or not isinstance(chunk, dict) or chunk.get("error"):
            code = error_code(chunk)
            self._refuse(f"error in the stream: {code}" if code else "error in the stream")
            return
        try:
            pieces = [choice.get("delta", {}).get("content") for choice in chunk.get("choices") or () if _first(choice)]
        except (TypeError, AttributeError):
            pieces = [0]
        if not all(isinstance(piece, str | None) for piece in pieces):
            self._refuse(f"{WRONG_SHAPE}: content is no text")
            return
        self._pieces += filter(None, pieces)
        if chunk.get("usage"):
            self._tokens = _usage(chunk)

    def _refuse(self, error: str) -> None:
        self._error = error
        self.finished = True


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


def _shape(body: bytes, answer: Any) -> str:
    """Return what a body is that should be a chat completion and is none."""
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
    return "no message" if isinstance(answer, dict) and answer.get("choices") else "no choices"


def _first(choice: dict[str, Any]) -> bool:
    return bool(choice.get("index", 0) == 0)


def _json(data: bytes) -> Any:
    """Return the JSON of a body, and None where it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _usage(answer: dict[str, Any]) -> tuple[int | None, int | None]:
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None, None
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None
