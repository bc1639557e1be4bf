"""What an SDK returns to its caller of one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from harness.history import AttemptRecord

Outcome = tuple[str, type[Exception] | str | None, str | None]


class LiteLLMError(Exception):
    """An exception that LiteLLM raised in a process of its own.

    Attributes:
        package: Which one its class is of.
        name: Of its class.
        status_code: The HTTP status in it.
        headers: Of the response that it came with, their names in small letters.
        within: The name of the class of the exception within it, which ended a stream; None if there is none.
    """

    def __init__(
        self, *, package: str, name: str, status: int | None, headers: Mapping[str, str], within: str | None
    ) -> None:
        super().__init__(f"{package}.{name}")
        self.package = package
        self.name = name
        self.status_code = status
        self.headers = headers
        self.within = within


@dataclass(slots=True, kw_only=True)
class Heard:
    """What came out of an SDK until it was done or raised, and what the edge recorded of the same call.

    Attributes:
        text: The model's text, as far as it came.
        pieces: In how many events it came; 0 for a plain answer.
        model: Who answered, as the SDK says.
        finish: Why the answer ended, in the SDK's words.
        usage: Tokens of prompt and answer.
        request_id: The provider's name for the call.
        error: What the SDK raised; None if it did not.
        misread: What its caller meets who reads an answer of the wrong shape, which the SDK has let pass.
        waits_s: How long the SDK wanted to wait before each retry, in seconds.
        attempts: What the edge recorded, in order.
        whole: The text that the provider meant to send in the last attempt.
    """

    text: str = ""
    pieces: int = 0
    model: str | None = None
    finish: str | None = None
    usage: tuple[int, int] | None = None
    request_id: str | None = None
    error: Exception | None = None
    misread: Exception | None = None
    waits_s: list[float] = field(default_factory=list)
    attempts: list[AttemptRecord] = field(default_factory=list)
    whole: str = ""

    def add(self, piece: str | None) -> None:
        """Take a piece of a stream."""
        if piece:
            self.text += piece
            self.pieces += 1

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read an answer as its type promises that it can be read."""
        try:
            yield
        except (AttributeError, TypeError, LookupError) as error:
            self.misread = error

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the response that the error came with, its names in small letters."""
        response: Any = getattr(self.error, "response", getattr(self.error, "raw_response", None))
        if isinstance(response, dict):  # boto3's
            return dict(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
        headers = getattr(self.error if response is None else response, "headers", None)  # Cohere's errors have them
        return {name.lower(): value for name, value in (headers or {}).items()}

    @property
    def share(self) -> str:
        """How much of the text came: `whole`, `part`, `none`, or `garbled`."""
        if not self.text:
            return "none"
        if self.text == self.whole:
            return "whole"
        return "part" if self.whole.startswith(self.text) else "garbled"

    @property
    def outcome(self) -> Outcome:
        """How much of the text came, what was raised, and why the answer ended, by the SDK.

        Of an exception of LiteLLM's it has the name.
        """
        return self.share, None if self.error is None else _kind(self.error), self.finish

    @property
    def raised(self) -> str | None:
        """The class of the error, as its users write it."""
        if self.error is None:
            return None
        kind = type(self.error)
        package, name = kind.__module__.removeprefix("google.").split(".")[0], kind.__name__
        if isinstance(self.error, LiteLLMError):
            package, name = self.error.package, self.error.name
        return {"builtins": "", "genai": "genai.errors."}.get(package, f"{package}.") + name

    @property
    def status(self) -> int | None:
        """The HTTP status in the error."""
        if isinstance(self.error, ClientError):
            return self.error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        status = getattr(self.error, "status_code", None) or getattr(self.error, "code", None)
        return status if isinstance(status, int) else None

    @property
    def code(self) -> str | None:
        """The provider's own code in the error, else its type; Gemini calls it a status, OpenRouter's is a number.

        LiteLLM has none, but an error inside a stream has another within it, whose class this is.
        """
        if isinstance(self.error, ClientError):
            return str(self.error.response["Error"]["Code"])
        if isinstance(self.error, LiteLLMError):
            return self.error.within
        said = [getattr(self.error, name, None) for name in ("error_code", "code", "type", "status")]
        texts = [code for code in said if isinstance(code, str)]
        return next((str(code) for code in (*texts, *said) if code is not None), None)

    @property
    def waited_as_told(self) -> bool:
        """Whether the SDK wanted to wait, before each retry, as long as Retry-After asked."""
        failed = [attempt for attempt in self.attempts if attempt.outcome != "ok"][: len(self.waits_s)]
        return bool(failed) and all(
            attempt.retry_after_ns is not None
            and abs(wait_s * 1e9 - attempt.retry_after_ns) <= attempt.retry_after_ns / 10
            for wait_s, attempt in zip(self.waits_s, failed, strict=True)
        )


def _kind(error: Exception) -> type[Exception] | str:
    """Return the class of an error; boto3 makes classes for the errors of a service, one set for each client."""
    if isinstance(error, LiteLLMError):
        return error.name
    kind = type(error)
    return ClientError if kind.__module__ == "botocore.errorfactory" else kind
