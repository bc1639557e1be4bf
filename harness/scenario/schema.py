"""The scenario file's fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from harness.document.marks import (
    STRICT,
    BeforeValidator,
    Ge,
    Gt,
    IfMissing,
    Le,
    Len,
    StringConstraints,
    field_error,
    schema_checked,
)
from harness.document.units import Duration, RateText, Share
from harness.draw import SEED_MAX
from harness.provider.inject import Inject
from harness.provider.kinds import Kind
from harness.provider.window import ShareBy
from harness.scenario.abort import AbortText
from harness.scenario.mix import MaxTokens, MixPart, PromptText, PromptTokens

DEADLINE_NS = 60 * 10**9
"""When callers give up unless a scenario says otherwise, in nanoseconds."""
_SHARES_OFF = 1e-6
KEPT_TEXTS_MAX = 1_000
"""How many requests a run may have that keeps their answers' texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateStep:
    """A part of a load whose rate changes.

    Attributes:
        rate: Arrivals per second, from its start on, or at the end of a ramp.
        for_: How long it lasts, in nanoseconds.
        over: How long the rate takes to get there, evenly, from that of the step before, in nanoseconds; from 0 for the first.
    """

    __pydantic_config__ = STRICT

    rate: RateText
    for_: Annotated[Duration, Gt(0)] | None = None
    over: Annotated[Duration, Gt(0)] | None = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return schema_checked(cls._one_length, source, handler)

    def _one_length(self) -> RateStep:
        if (self.for_ is None) == (self.over is None):
            raise field_error(
                "expected `for` or `over`", hint="{rate: 5/s, for: 30s}, or {rate: 50/s, over: 10s} for a ramp"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The open-model load: arrivals come at their planned times, whatever the chain does.

    Attributes:
        rate: Arrivals per second; or `shape`, or `trace`.
        shape: Steps and ramps of the rate, in order, from the run's start; the last rate holds to the run's end.
        arrivals: `poisson` (exponential gaps), `constant`, or `trace` (those of a file).
        trace: The file, for `arrivals: trace`: CSV with the columns `at` (seconds, or a date; the first one is the run's start), and maybe
            `kind`, `prompt_tokens` and `max_tokens`, or those of Azure's and BurstGPT's public traces; its path is relative to this file.
        streaming: Share of the requests that stream.
        deadline: When a caller gives up, from the intended start, in nanoseconds.
        prompt_tokens: Length of a prompt, about, in tokens.
        max_tokens: Sent along as `max_tokens`; None sends none.
        prompt: Asked in place of a text of `prompt_tokens`; the request's id follows it. A run keeps it, so it may hold no secret.
        keep_text: Keep the first 2,000 characters of each answer, without secrets, in a run of up to 1,000 requests; else only its length
            and hash are kept.
        mix: Several kinds of request, by their shares; all are chats if it is empty.
    """

    __pydantic_config__ = STRICT

    rate: RateText | None = None
    shape: Annotated[tuple[RateStep, ...], Len(0, 200)] = ()
    arrivals: Literal["poisson", "constant", "trace"] = "poisson"
    trace: Annotated[str, Len(1, 1000)] | None = None
    streaming: Share = 0.0
    deadline: Annotated[Duration, Gt(0)] = DEADLINE_NS
    prompt_tokens: PromptTokens = 20
    max_tokens: MaxTokens | None = None
    prompt: PromptText | None = None
    keep_text: bool = False
    mix: Annotated[tuple[MixPart, ...], Len(0, 50)] = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return schema_checked(cls._whole, source, handler)

    def _whole(self) -> Load:
        if (self.arrivals == "trace") != (self.trace is not None):
            raise field_error(
                "`arrivals: trace` and `trace` go together", hint="{arrivals: trace, trace: requests.csv}"
            )
        given = [name for name in ("rate", "shape", "trace") if getattr(self, name)]
        if not given:
            raise field_error("expected `rate`, or `shape`, or `trace`", hint="rate: 10/s")
        if len(given) > 1:
            raise field_error(f"`{given[0]}` and `{given[1]}` do not go together", hint="write one of them")
        shares = sum(part.share for part in self.mix)
        if self.mix and abs(shares - 1) > _SHARES_OFF:
            raise field_error(f"the shares of the mix make {shares:.4%}, not 100%")
        return self

    @property
    def parts(self) -> tuple[MixPart, ...]:
        """The mix, with nothing left open; a load without one is a mix of one kind."""
        return tuple(
            part.filled(
                streaming=self.streaming,
                prompt=self.prompt,
                prompt_tokens=self.prompt_tokens,
                max_tokens=self.max_tokens,
            )
            for part in self.mix or (MixPart(share=1.0),)
        )

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is asked for, each kind once."""
        return tuple(dict.fromkeys(part.kind for part in self.mix)) or (MixPart(share=1.0).kind,)

    @property
    def streamed(self) -> float:
        """The share of all requests that stream."""
        return sum(part.share * (part.streaming or 0.0) for part in self.parts)

    @property
    def turns(self) -> float:
        """How many requests an arrival makes, on average."""
        return sum(part.share * part.turns for part in self.parts)

    @property
    def steps(self) -> tuple[RateStep, ...]:
        """The shape; a single rate is a shape of one step."""
        return self.shape or (RateStep(rate=self.rate or 0, for_=1),)

    @property
    def peak_rate(self) -> float:
        """The highest rate, in requests per second."""
        return max(step.rate for step in self.steps)

    def times(self, factor: float) -> Load:
        """Return the load with so many times the requests."""
        rate = None if self.rate is None else self.rate * factor
        return replace(self, rate=rate, shape=tuple(replace(step, rate=step.rate * factor) for step in self.shape))


def _names(value: object) -> object:
    """Return a name, or a list of names as a tuple."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise field_error("expected a name, or a list of names", known="primary, [azure-eu, azure-us]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: where, when, what, and which attempts.

    Attributes:
        on: A provider's name, a role, a model group of a LiteLLM configuration, or a list of them; or `gateway`, or its `database`.
        during: The phase that it fills; or `at` and `for`.
        at: When it begins, from the run's start, in nanoseconds.
        for_: How long it lasts, in nanoseconds.
        inject: What goes wrong.
        share: Share of the attempts that it changes.
        share_by: What is drawn for the share: each `attempt`, or each `caller`, whose attempts then all meet the fault or none does.
        first: Only the first so many attempts of each request at that provider.
        every: Only every Nth of the attempts that the other selectors leave.
        models: Only attempts that ask for one of these models.
        streaming: Only attempts that stream, or only those that do not.
    """

    __pydantic_config__ = STRICT

    on: Annotated[str | tuple[str, ...], BeforeValidator(_names)]
    inject: Inject
    during: str | None = None
    at: Duration | None = None
    for_: Duration | None = None
    share: Share = 1.0
    share_by: ShareBy = "attempt"
    first: Annotated[int, Ge(1), Le(1000)] | None = None
    every: Annotated[int, Ge(1), Le(10**6)] | None = None
    models: Annotated[tuple[str, ...], Len(1, 50)] | None = None
    streaming: bool | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names after `on`."""
        return (self.on,) if isinstance(self.on, str) else self.on

    @property
    def selectors(self) -> tuple[str, ...]:
        """The fields by which it chooses attempts."""
        chosen = [name for name in ("first", "every", "models", "streaming") if getattr(self, name) is not None]
        return (*chosen, *(["share"] if self.share < 1 else []))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return schema_checked(cls._one_window, source, handler)

    def _one_window(self) -> Fault:
        if (self.during is None) == (self.at is None):
            raise field_error("expected `during`, or `at` and `for`", hint="during: fault, or at: 25s with for: 10s")
        if (self.at is None) != (self.for_ is None):
            raise field_error("`at` and `for` go together", hint="at: 25s with for: 10s")
        if self.for_ == 0:
            raise field_error("a fault that lasts no time")
        if self.share_by == "caller" and self.share == 1:
            raise field_error("`share_by` goes with a `share` below 100%", hint="share: 10%")
        if self.selectors and self.inject.fault_kind.whole_provider:
            raise field_error(
                f"`{self.selectors[0]}` does not go with {self.inject.kind!r}, which hits the whole provider",
                hint="use `connection: reset`, `delay` or a status to choose attempts",
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A statement about chains that the scenario's expectations put to the test.

    Attributes:
        statement: As people say it.
        measured: What happens, in plain words; a number in braces, such as `{fault.latency_p50}`, is the measured one.
    """

    __pydantic_config__ = STRICT

    statement: str
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario file.

    Attributes:
        name: Names the run's folder.
        title: One line for people.
        chain: Chain file, relative to the scenario's; None where the command line names it.
        model: What callers ask for: a model of a LiteLLM configuration, or a provider for which the chain file has `chains`.
        seed: Fixes arrivals and fault draws.
        load: What callers do.
        phases: Length of each phase, in order, in nanoseconds.
        faults: What breaks, and when; an empty list measures a steady state.
        expect: What must still hold.
        abort: When the run is to end early, its faults reverted at once: a limit of `success_rate`, `latency` or `ttft`, and how long it must
            have held, `success_rate < 50% for 5s`; or that as `when`, with the `verdict` that an aborted run comes to.
        fault: What breaks, in plain words.
        correct: What a good chain does then, in plain words.
        seen: Where this has happened, in plain words, with a link.
        claim: A statement that is true if the expectations hold, and false if they do not; None if it is no test of one.
    """

    __pydantic_config__ = STRICT

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_\-]{0,62}$")]
    title: str = ""
    chain: str | None = None
    model: str | None = None
    seed: Annotated[int, Ge(0), Le(SEED_MAX)] = 1
    load: Load
    phases: Annotated[dict[str, Annotated[Duration, Gt(0)]], Len(1, 50)]
    faults: Annotated[tuple[Fault, ...], Len(0, 200), IfMissing("write `faults: []` to measure a steady state")]
    expect: Annotated[tuple[str, ...], Len(0, 200)] = ()
    abort: str | AbortText | None = None
    fault: str = ""
    correct: str = ""
    seen: str = ""
    claim: Claim | None = None
