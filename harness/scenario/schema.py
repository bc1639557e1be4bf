"""The scenario file's fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge, Gt, Le, Len, MultipleOf
from pydantic import ConfigDict, Field, StringConstraints, model_validator

from harness.document import AllowanceText, Duration, Rate, Share, field_error

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
class Load:
    """The open-model load: arrivals come at their planned times, whatever the chain does.

    Attributes:
        rate: Arrivals per second.
        arrivals: `poisson` (exponential gaps) or `constant`.
        streaming: Share of the requests that stream.
        deadline: When a caller gives up, from the intended start, in nanoseconds.
        prompt_tokens: Length of a prompt, about, in tokens.
        max_tokens: Sent along as `max_tokens`; None sends none.
    """

    __pydantic_config__ = _STRICT

    rate: Rate
    arrivals: Literal["poisson", "constant"] = "poisson"
    streaming: Share = 0.0
    deadline: Annotated[Duration, Gt(0)] = 60 * 10**9
    prompt_tokens: Annotated[int, Ge(1), Le(1_000_000)] = 20
    max_tokens: Annotated[int, Ge(1), Le(1_000_000)] | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: where, when, what, and which attempts.

    Attributes:
        on: A provider's name, or a role.
        during: The phase that it fills; or `at` and `for`.
        at: When it begins, from the run's start, in nanoseconds.
        for_: How long it lasts, in nanoseconds.
        inject: What goes wrong.
        share: Share of the attempts that it changes.
        first: Only the first so many attempts of each request at that provider.
        every: Only every so manieth of the attempts that the other selectors leave.
        models: Only attempts that ask for one of these models.
        streaming: Only attempts that stream, or only those that do not.
    """

    __pydantic_config__ = _STRICT

    on: str
    inject: Inject
    during: str | None = None
    at: Duration | None = None
    for_: Annotated[Duration | None, Field(alias="for")] = None
    share: Share = 1.0
    first: Annotated[int, Ge(1), Le(1000)] | None = None
    every: Annotated[int, Ge(1), Le(10**6)] | None = None
    models: Annotated[tuple[str, ...], Len(1, 50)] | None = None
    streaming: bool | None = None

    @model_validator(mode="after")
    def _one_window(self) -> Fault:
        if (self.during is None) == (self.at is None):
            raise field_error("expected `during`, or `at` and `for`", hint="during: fault, or at: 25s with for: 10s")
        if (self.at is None) != (self.for_ is None):
            raise field_error("`at` and `for` go together", hint="at: 25s with for: 10s")
        if self.for_ == 0:
            raise field_error("a fault that lasts no time")
        chosen = [name for name in ("first", "every", "models", "streaming") if getattr(self, name) is not None]
        chosen += ["share"] if self.share < 1 else []
        if chosen and self.inject.kind in WHOLE_PROVIDER:
            raise field_error(
                f"`{chosen[0]}` does not go with {self.inject.kind!r}, which hits the whole provider",
                hint="use `connection: reset`, `delay` or a status to choose attempts",
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario file.

    Attributes:
        name: Names the run's folder.
        title: One line for people.
        chain: Chain file, relative to the scenario's; None where the command line names it.
        model: What callers ask for; LiteLLM configurations only.
        seed: Fixes arrivals and fault draws.
        load: What callers do.
        phases: Length of each phase, in order, in nanoseconds.
        faults: What breaks, and when.
        expect: What must still hold.
        fault: What breaks, in plain words.
        correct: What a good chain does then, in plain words.
        seen: Where this has happened, in plain words, with a link.
    """

    __pydantic_config__ = _STRICT

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_\-]{0,62}$")]
    title: str = ""
    chain: str | None = None
    model: str | None = None
    seed: Annotated[int, Ge(0), Le(2**53)] = 1
    load: Load
    phases: Annotated[dict[str, Annotated[Duration, Gt(0)]], Len(1, 50)]
    faults: Annotated[tuple[Fault, ...], Len(0, 200)] = ()
    expect: Annotated[tuple[str, ...], Len(0, 200)] = ()
    fault: str = ""
    correct: str = ""
    seen: str = ""
