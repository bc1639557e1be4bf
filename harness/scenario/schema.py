"""The scenario file's fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Len
from pydantic import ConfigDict, Field, StringConstraints, model_validator

from harness.document import Duration, Rate, Share, said

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
Connection = Literal["refused", "reset", "silent", "slow"]

_KEYS = {
    "status": {"status", "error", "retry_after"},
    "connection": {"connection"},
    "slow": {"connection", "delay", "jitter"},
}
WHOLE_PROVIDER = frozenset({"refused", "slow"})
"""Kinds that act on the provider's listener, never on a single attempt."""


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
class Inject:
    """What a provider does wrong: an error status, or a broken connection.

    Attributes:
        status: HTTP status that answers in the provider's place.
        error: Which of the provider's own error bodies; the status's usual one if None.
        retry_after: Delay that the answer tells, in nanoseconds; no header if None.
        connection: `refused`, `reset` (a true RST before the headers), `silent`, `slow`.
        delay: Added latency of a `slow` connection, in nanoseconds.
        jitter: Its spread to both sides, in nanoseconds.
    """

    __pydantic_config__ = _STRICT

    status: Annotated[int, Ge(400), Le(599)] | None = None
    error: ErrorPreset | None = None
    retry_after: Duration | None = None
    connection: Connection | None = None
    delay: Duration | None = None
    jitter: Duration | None = None

    @property
    def kind(self) -> str:
        """`status`, or the kind of connection fault."""
        return "status" if self.status is not None else str(self.connection)

    @model_validator(mode="after")
    def _one_kind(self) -> Inject:
        written = {name for name in self.__slots__ if getattr(self, name) is not None}
        if len(written & {"status", "connection"}) == 2:
            raise said("`status` and `connection` do not go together", hint="write a fault for each")
        if not written & {"status", "connection"}:
            raise said("expected one kind of fault", known="status: 429, connection: reset")
        kind = "status" if "status" in written else "slow" if self.connection == "slow" else "connection"
        if foreign := sorted(written - _KEYS[kind]):
            raise said(f"{foreign[0]!r} does not go with {self.kind!r}", known=", ".join(sorted(_KEYS[kind])))
        if self.connection == "slow" and not self.delay:
            raise said("a slow connection needs a delay", hint="delay: 2s")
        if self.jitter and self.jitter > (self.delay or 0):
            raise said("jitter is larger than the delay")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: where, when, what, and how much of it.

    Attributes:
        on: A provider's name, or a role.
        during: The phase that it fills; or `at` and `for`.
        at: When it begins, from the run's start, in nanoseconds.
        for_: How long it lasts, in nanoseconds.
        inject: What goes wrong.
        share: Share of the attempts that it changes.
    """

    __pydantic_config__ = _STRICT

    on: str
    inject: Inject
    during: str | None = None
    at: Duration | None = None
    for_: Annotated[Duration | None, Field(alias="for")] = None
    share: Share = 1.0

    @model_validator(mode="after")
    def _one_window(self) -> Fault:
        if (self.during is None) == (self.at is None):
            raise said("expected `during`, or `at` and `for`", hint="during: fault, or at: 25s with for: 10s")
        if (self.at is None) != (self.for_ is None):
            raise said("`at` and `for` go together", hint="at: 25s with for: 10s")
        if self.for_ == 0:
            raise said("a fault that lasts no time")
        if self.share < 1 and self.inject.kind in WHOLE_PROVIDER:
            raise said(
                f"`share` does not go with {self.inject.kind!r}, which hits the whole provider",
                hint="use `connection: reset` or a status for a share of the attempts",
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
