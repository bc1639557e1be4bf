"""What a provider can do wrong: the fields of `inject`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from harness.document.marks import (
    STRICT,
    AfterValidator,
    Ge,
    Gt,
    Le,
    MultipleOf,
    StringConstraints,
    field_error,
    schema_checked,
)
from harness.document.spelling import did_you_mean
from harness.document.units import AllowanceText, Duration
from harness.provider.fault_kind import FaultKind
from harness.provider.faults import FAULTS, kind_of_key, names_of

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

DelayForm = Literal["seconds", "date", "ms", "body"]
"""How an answer sends a delay: in whole seconds, as a date, in milliseconds, or in its body."""

_HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~\-]+$")]
_HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~\t]*$")]  # what can go over the wire, in one line


def _own_name(key: str) -> Callable[[str], str]:
    """Return a validator of the names under `connection`, `stream`, `answer` or `process`."""

    def check(name: str) -> str:
        known = names_of(key)
        if name not in known:
            raise field_error(f"unknown {key} fault", known=", ".join(known), hint=did_you_mean(name, known))
        return name

    return check


def _foreign_name(name: str) -> str:
    """Check the name of another package's fault, which is imported for it.

    Raises:
        UsageError: The package cannot be imported, or brings something else.
    """
    known = tuple(FAULTS.foreign)
    if name not in known:
        hint = (
            did_you_mean(name, known) or "our own faults are written `connection: reset`, `stream: cut`, `status: 503`"
        )
        raise field_error("unknown fault", known=", ".join(known) or "no installed package brings any", hint=hint)
    if FAULTS[name].written != (f"fault: {name}",):
        raise field_error("the package that brings it declares another name", known=", ".join(FAULTS[name].written))
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A real quota: what is left refills all the time, and an answer tells how much that is.

    Attributes:
        requests: How many requests in how much time.
        tokens: How many tokens in how much time: those of the prompt and the most that the answer may have.
    """

    __pydantic_config__ = STRICT

    requests: AllowanceText | None = None
    tokens: AllowanceText | None = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return schema_checked(cls._some_limit, source, handler)

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
        retry_after: Delay that the answer sends, in nanoseconds; none if None.
        retry_after_as: How it is sent: `seconds`, `date`, `ms`, `body`; the provider's usual way if None.
        body: Sent as it is in place of the provider's own: a text, or a mapping as JSON.
        headers: Sent along as they are, in place of the provider's own of the same name.
        connection: A fault of the connection.
        delay: Withholds the headers; of a `slow` connection, holds up all that passes, in nanoseconds.
        jitter: Spread of the delay to both sides, in nanoseconds.
        bytes_per_second: Speed of a `throttle`d connection, in thousands.
        stream: A fault in mid-answer.
        answer: A fault of what the answer holds.
        process: A fault of the gateway's process, with `on: gateway`.
        after_tokens: How many tokens of an answer pass before a stream fault acts; 5 if None.
        pause: How long `stall` and `keepalive` last, in nanoseconds; 10 s if None.
        ttft: Time from the headers to the first token, in nanoseconds.
        tokens_per_second: Speed of the tokens after the first.
        limit: A quota; requests above it get a 429 with the true wait.
        fault: A fault that another installed package brings, by its name.
        options: Keys of that fault, as its package describes them.
    """

    __pydantic_config__ = STRICT

    status: Annotated[int, Ge(200), Le(599)] | None = None
    error: ErrorPreset | None = None
    retry_after: Duration | None = None
    retry_after_as: DelayForm | None = None
    body: str | dict[str, Any] | None = None
    headers: dict[_HeaderName, _HeaderValue] | None = None
    connection: Annotated[str, AfterValidator(_own_name("connection"))] | None = None
    delay: Annotated[Duration, Gt(0)] | None = None
    jitter: Duration | None = None
    bytes_per_second: Annotated[int, Ge(1000), Le(10**9), MultipleOf(1000)] | None = None
    stream: Annotated[str, AfterValidator(_own_name("stream"))] | None = None
    answer: Annotated[str, AfterValidator(_own_name("answer"))] | None = None
    process: Annotated[str, AfterValidator(_own_name("process"))] | None = None
    after_tokens: Annotated[int, Ge(0), Le(100_000)] | None = None
    pause: Annotated[Duration, Gt(0)] | None = None
    ttft: Annotated[Duration, Gt(0)] | None = None
    tokens_per_second: Annotated[float, Gt(0), Le(10**6)] | None = None
    limit: Limit | None = None
    fault: Annotated[str, AfterValidator(_foreign_name)] | None = None
    options: dict[str, Any] | None = None

    @property
    def keys(self) -> frozenset[str]:
        """Names of the keys that are written."""
        return frozenset(name for name in self.__slots__ if getattr(self, name) is not None)

    @property
    def kind(self) -> str:
        """Which kind of fault it is: `FaultKind.kind`."""
        if (named := self.connection or self.answer or self.process) is not None:
            return named
        if self.stream is not None:
            return f"stream_{self.stream}"
        if self.fault is not None:
            return self.fault
        own = kind_of_key()
        kind = next((own[name] for name in own if getattr(self, name) is not None), None)
        if kind is None:
            known = "status: 429, connection: reset, stream: cut, delay: 2s, limit: …"
            raise field_error("expected one kind of fault", known=known)
        return kind

    @property
    def fault_kind(self) -> FaultKind:
        """All that is known of its kind."""
        return FAULTS[self.kind]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return schema_checked(cls._one_kind, source, handler)

    def _one_kind(self) -> Inject:
        named = [
            name for name in ("connection", "stream", "answer", "process", "fault") if getattr(self, name) is not None
        ]
        if len(named) > 1:
            raise field_error(f"`{named[0]}` and `{named[1]}` do not go together", hint="write a fault for each")
        kind = self.fault_kind
        forms = {form.partition(": ")[0] for form in kind.written}
        written = named[0] + ": " + str(getattr(self, named[0])) if named else min(self.keys & forms)
        if extra := sorted(self.keys - forms - kind.keys):
            known = ", ".join(sorted(kind.keys)) or f"`{written}` alone"
            raise field_error(f"{extra[0]!r} does not go with {written!r}", known=known)
        for name, value in kind.needs.items():
            if getattr(self, name) is None:
                raise field_error(f"{written!r} needs {name!r}", hint=f"{name}: {value}")
        kind.check(self)
        return self
