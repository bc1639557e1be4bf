"""What a provider can do wrong: the fields of `inject`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge, Gt, Le, MultipleOf
from pydantic import ConfigDict, StringConstraints, model_validator

from harness.document import AllowanceText, Duration, field_error
from harness.http_rules import FRAMING

_STRICT = ConfigDict(extra="forbid")

ErrorPreset = Literal[
    "rate_limit",
    "quota",
    "spend_limit",
    "overloaded",
    "server_error",
    "unavailable",
    "timeout",
    "context_length",
    "content_filter",
    "invalid_request",
    "auth",
    "permission",
    "not_found",
    "too_large",
]
Connection = Literal["refused", "reset", "close", "silent", "slow", "throttle"]
Stream = Literal[
    "cut",
    "reset",
    "end",
    "stall",
    "malformed",
    "no_done",
    "no_usage",
    "error_event",
    "keepalive",
    "empty",
    "content_filter",
]

_HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~\-]+$")]
_HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~\t]*$")]  # what can go over the wire, in one line

# What says which kind of fault it is, and what goes along with it.
_KINDS = {
    "status": {"error", "retry_after", "retry_after_as", "headers"},
    "body": {"status", "headers"},
    "connection": set(),
    "slow": {"delay", "jitter"},
    "throttle": {"bytes_per_second"},
    "stream": {"after_tokens"},
    "stall": {"after_tokens", "pause"},
    "keepalive": {"after_tokens", "pause"},
    "error_event": {"after_tokens", "error"},
    "delay": {"jitter"},
    "ttft": {"tokens_per_second"},
    "tokens_per_second": {"ttft"},
    "limit": {"retry_after_as"},
}
_WHOLE_ANSWER = frozenset({"no_done", "no_usage", "empty"})
WHOLE_PROVIDER = frozenset({"refused", "slow", "throttle"})
"""Kinds that act on the provider's listener, never on a single attempt."""
RESETS = frozenset({"reset", "stream_reset"})
"""Kinds that end a connection by RST."""
CLOSES = frozenset({"close", "stream_cut"})
"""Kinds that end a connection by FIN before its answer is done."""
STREAMS_ONLY = frozenset(get_args(Stream)) - {"cut", "reset", "stall"}
"""Stream faults that leave a plain answer alone, and so never choose one."""

AFTER_TOKENS = 5
"""Where in an answer a stream fault acts, unless it says so itself."""
PAUSE_NS = 10 * 10**9
"""How long `stall` and `keepalive` last, unless they say so themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A real quota: what is left refills all the time, and an answer tells how much that is.

    Attributes:
        requests: How many requests in how much time.
        tokens: How many tokens in how much time: those of the prompt and the most that the answer may have.
    """

    __pydantic_config__ = _STRICT

    requests: AllowanceText | None = None
    tokens: AllowanceText | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> Limit:
        if self.requests is None and self.tokens is None:
            raise field_error("a limit of nothing", hint="requests: 60/min, or tokens: 10000/min, or both")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject:
    """What a provider does wrong: exactly one kind of fault.

    Attributes:
        status: HTTP status that answers in the provider's place; below 400 only with a `body`.
        error: Which of the provider's own error bodies; the status's usual one if None.
        retry_after: Delay that the answer tells, in nanoseconds; none is told if None.
        retry_after_as: How it tells it: `seconds`, `date`, `ms`, `body`; the provider's usual way if None.
        body: Sent as it is in place of the provider's own: a text, or a mapping as JSON.
        headers: Sent along as they are, in place of the provider's own of the same name.
        connection: `refused`, `reset` (a true RST before the headers), `close` (FIN before the headers), `silent`, `slow`, `throttle`.
        delay: Withholds the headers; of a `slow` connection, holds up all that passes, in nanoseconds.
        jitter: Its spread to both sides, in nanoseconds.
        bytes_per_second: Speed of a `throttle`d connection, in thousands.
        stream: `cut` (FIN in mid-body), `reset` (RST), `end` (ends properly, but early), `stall`, `malformed` (a broken event), `no_done`, `no_usage`, `error_event` (an error inside a 200), `keepalive` (comments without content), `empty`, `content_filter`.
        after_tokens: How many tokens of an answer pass before a stream fault acts; 5 if None.
        pause: How long `stall` and `keepalive` last, in nanoseconds; 10 s if None.
        ttft: Time from the headers to the first token, in nanoseconds.
        tokens_per_second: Speed of the tokens after the first.
        limit: A quota; whoever exceeds it is told 429 and the true wait.
    """

    __pydantic_config__ = _STRICT

    status: Annotated[int, Ge(200), Le(599)] | None = None
    error: ErrorPreset | None = None
    retry_after: Duration | None = None
    retry_after_as: Literal["seconds", "date", "ms", "body"] | None = None
    body: str | dict[str, Any] | None = None
    headers: dict[_HeaderName, _HeaderValue] | None = None
    connection: Connection | None = None
    delay: Annotated[Duration, Gt(0)] | None = None
    jitter: Duration | None = None
    bytes_per_second: Annotated[int, Ge(1000), Le(10**9), MultipleOf(1000)] | None = None
    stream: Stream | None = None
    after_tokens: Annotated[int, Ge(0), Le(100_000)] | None = None
    pause: Annotated[Duration, Gt(0)] | None = None
    ttft: Annotated[Duration, Gt(0)] | None = None
    tokens_per_second: Annotated[float, Gt(0), Le(10**6)] | None = None
    limit: Limit | None = None

    @property
    def kind(self) -> str:
        """`status`, `delay`, `pace`, `limit`, the kind of connection fault, or `stream_` and the kind of stream fault."""
        if self.connection is not None:
            return self.connection
        if self.stream is not None:
            return f"stream_{self.stream}"
        if self.status is not None or self.body is not None:
            return "status"
        if self.limit is not None:
            return "limit"
        return "delay" if self.delay is not None else "pace"

    @model_validator(mode="after")
    def _one_kind(self) -> Inject:
        written = {name for name in self.__slots__ if getattr(self, name) is not None}
        head = self._head(written)
        if foreign := sorted(written - _KINDS[head] - {head, "connection", "stream"}):
            known = ", ".join(sorted(_KINDS[head]))
            raise field_error(f"{foreign[0]!r} does not go with {self._named(head)!r}", known=known or f"{head} alone")
        if len(written & {"connection", "stream", head}) > 1 and head in {"connection", "stream"}:
            raise field_error("`connection` and `stream` do not go together", hint="write a fault for each")
        if self.status is not None and self.status < 400 and self.body is None:
            raise field_error(f"status {self.status} breaks nothing", known="400 to 599, or any status with a `body`")
        for name in self.headers or ():
            if name.lower() in FRAMING:
                hint = "leave it out; `connection: close` or `stream: cut` break an answer off"
                raise field_error(f"the header {name!r} is set by the harness, as it frames the answer", hint=hint)
        if self.connection == "slow" and not self.delay:
            raise field_error("a slow connection needs a delay", hint="delay: 2s")
        if self.connection == "throttle" and not self.bytes_per_second:
            raise field_error("a throttled connection needs a speed", hint="bytes_per_second: 1000")
        if self.after_tokens is not None and self.stream in _WHOLE_ANSWER:
            raise field_error(f"'after_tokens' does not go with {self.stream!r}, which concerns the whole answer")
        if self.jitter and self.jitter > (self.delay or 0):
            raise field_error("jitter is larger than the delay")
        return self

    def _head(self, written: set[str]) -> str:
        """Return the key that says which kind of fault it is."""
        if self.connection is not None:
            return self.connection if self.connection in _KINDS else "connection"
        if self.stream is not None:
            return self.stream if self.stream in _KINDS else "stream"
        for name in ("body", "status", "limit", "delay", "ttft", "tokens_per_second"):
            if name in written:
                return name
        raise field_error(
            "expected one kind of fault", known="status: 429, connection: reset, stream: cut, delay: 2s, limit: …"
        )

    def _named(self, head: str) -> str:
        return self.connection or self.stream or head
