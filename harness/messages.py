"""Messages between the runner and the processes that it starts; `harness.lines` writes and reads them.

The runner writes a start message to a process's standard input. The process answers on its standard output once it is
ready, and both may send further messages. A process ends when its standard input does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.chain import Chain, Provider
from harness.errors import HarnessError, Unfit, UsageError
from harness.history.records import Aborted, ChainAttempt, FaultEvent, ProviderState, RequestRecord
from harness.provider.kinds import Kind
from harness.scenario import Arrival, Load, Phase, Plan, Window
from harness.scenario.prompts import PromptFile
from harness.store import EdgeAttempt


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMessage:
    """What every start message has.

    Attributes:
        capture: The folder for the process's rows; None where nothing is recorded.
        restarts: How often the process was started before in this run.
    """

    capture: str | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A process that has nothing else to report is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The run's clock begins.

    Attributes:
        origin_ns: When, in absolute monotonic nanoseconds.
    """

    origin_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeStart(StartMessage):
    """Start message of the edge.

    Attributes:
        providers: By name.
        token: The run's; None joins no attempt to a request and refuses no call.
        seed: The plan's.
        windows: All fault windows of the plan.
        callers: See `Plan.callers`.
        listen: `host:port` by provider; any free port of the loopback where none is given.
        keys: By provider, what replaces the callers' keys on the way to a real one.
        max_requests: The most calls to real providers; None for no limit.
        max_usd: The most that they may cost; None for no limit.
        secrets: Texts that no record may hold.
    """

    providers: dict[str, Provider]
    token: str | None = None
    seed: int = 0
    windows: tuple[Window, ...] = ()
    callers: dict[str, str] = field(default_factory=dict)
    listen: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    max_requests: int | None = None
    max_usd: float | None = None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeReady:
    """The edge listens.

    Attributes:
        ports: By provider.
    """

    ports: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpent:
    """The edge calls no real provider any more.

    Attributes:
        why: In a sentence.
    """

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStart(StartMessage):
    """Start message of a chain's host. It holds the chain's secrets.

    Attributes:
        chain: The chain under test.
        base_urls: Where each provider is called, by name, without the dialect's own path.
        seed: The plan's: fixes what a policy of ours draws.
        environ: Environment variables that hosting the chain looks up; the process has no others of the user's.
        key: What a gateway of ours asks its callers for; the same after a restart.
        database: The address of the gateway's database, with its password; it has none if None.
        salt: The key by which the gateway encrypts what it stores there.
    """

    chain: Chain = field(repr=False)
    base_urls: dict[str, str]
    seed: int = 0
    environ: dict[str, str] = field(default_factory=dict, repr=False)
    key: str = field(default="", repr=False)
    database: str | None = field(default=None, repr=False)
    salt: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTarget:
    """Where a chain answers, and what callers send it: the ready message of its host.

    Attributes:
        base_url: Up to and including `/v1`.
        model: The model that callers ask for.
        headers: Sent along with every request; may hold secrets.
        addressable: The model to ask for to reach a provider, by provider: one warm-up call each.
        warnings: What the host could not carry over, in sentences.
        ready: Where it says whether it is ready; None if nowhere. May hold a password.
        lacking: The kinds of request that it cannot carry although its driver can, with the reasons.
        tenants: The key of each tenant of the gateway, by name.
    """

    base_url: str
    model: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    addressable: dict[str, str]
    warnings: tuple[str, ...] = ()
    ready: str | None = field(default=None, repr=False)
    lacking: dict[Kind, str] = field(default_factory=dict)
    tenants: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStart(StartMessage):
    """Start message of one of several workers that host a chain together.

    Attributes:
        host: The start message of the process that owns the workers.
    """

    host: ChainStart


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReady:
    """A worker is ready; its fields are those of `LoadTarget`."""

    model: str
    addressable: dict[str, str]
    warnings: tuple[str, ...]
    lacking: dict[Kind, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupCall:
    """One call before the origin, so that a chain's first-call costs fall outside every metric.

    Attributes:
        request_id: Names it.
        model: What is asked for.
        part: Place of its kind among the load's parts.
    """

    request_id: str
    model: str
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStart(StartMessage):
    """Start message of the load.

    Attributes:
        token: The run's own, eight characters of a-z and 0-9.
        base_url: The chain's OpenAI-compatible address, ending in `/v1` as a rule.
        model: The model that callers ask for.
        load: Deadline and size of the requests.
        arrivals: By `scheduled_ns`, in nanoseconds since the origin.
        phases: Of the run.
        prompts: For each kind of request its file of prompts.
        extras: For each kind of request further fields of the body.
        headers: Sent along with every request; may hold secrets.
        own_headers: Sent along with the requests of each kind; may hold secrets.
        tenants: Places of the kinds whose requests are a tenant's: warm-up calls are not.
        warmup: Calls to make before the ready message.
        secrets: Texts that no record may hold, beyond the headers.
        pool: Requests in flight at once, at most; an arrival beyond them is dropped.
        workers: How many processes share the load.
        web_ui: Serve Locust's own web UI on a free port of the loopback.
        relay_port: Where workers on other machines reach the chain, on the machine of the run; None where `base_url` leads there.
    """

    token: str
    base_url: str
    model: str
    load: Load
    arrivals: tuple[Arrival, ...] = ()
    phases: tuple[Phase, ...] = ()
    prompts: tuple[PromptFile | None, ...] = ()
    extras: tuple[dict[str, Any], ...] = ()
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    own_headers: tuple[dict[str, str], ...] = field(default=(), repr=False)
    tenants: frozenset[int] = frozenset()
    warmup: tuple[WarmupCall, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    pool: int = 1000
    workers: int = 1
    web_ui: bool = False
    relay_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupResult:
    """How a warm-up call ended.

    Attributes:
        model: The model that was asked for.
        ok: A good answer came.
        status: Its HTTP status; None where none came.
        error: What went wrong, in short.
    """

    model: str
    ok: bool
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReady:
    """The load has made its warm-up calls and waits for the origin.

    Attributes:
        warmup: How they ended.
        web_ui: Where Locust's web UI is; None unless it was asked for.
    """

    warmup: tuple[WarmupResult, ...]
    web_ui: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDone:
    """Every arrival has ended; the counts are of requests.

    Attributes:
        sent: All that went out.
        ok: See `RequestRecord.outcome`, as for the other fields.
    """

    sent: int
    ok: int
    truncated: int
    error: int
    deadline: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A process could not do what it was asked for, and can do the next thing.

    Attributes:
        problem: In a sentence.
    """

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Asks for one simulated run.

    Attributes:
        plan: What to do.
        chain: The chain, with its secrets.
        token: See `AnswerTo`.
        optimised: Leave out the chain's own work that no history shows.
        chain_seed: Fixes the random draws of the chain; if None, the plan's seed does.
    """

    plan: Plan
    chain: Chain = field(repr=False)
    token: str
    optimised: bool = True
    chain_seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareChain:
    """Asks for the imports that runs on a chain need.

    Attributes:
        chain: The chain, with its secrets.
        token: See `AnswerTo`.
    """

    chain: Chain = field(repr=False)
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTo:
    """The next message answers the question with this token: whoever asked an earlier one may have died over it."""

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A process could not do what it was asked for; an error with all its fields, see `HarnessError`.

    Attributes:
        usage: It is the user's own mistake.
        unfit: The chain lacks what the scenario needs.
    """

    problem: str
    where: str | None = None
    known: str | None = None
    hint: str | None = None
    usage: bool = False
    unfit: bool = False

    @classmethod
    def of(cls, error: HarnessError) -> Refused:
        """Return the message for an error."""
        return cls(
            problem=error.problem,
            where=error.where,
            known=error.known,
            hint=error.hint,
            usage=isinstance(error, UsageError),
            unfit=isinstance(error, Unfit),
        )

    def error(self) -> HarnessError:
        """Return the error."""
        kind = Unfit if self.unfit else UsageError if self.usage else HarnessError
        return kind(self.problem, where=self.where, known=self.known, hint=self.hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRows:
    """What the parts of a simulated run wrote, in the order of the clock.

    Attributes:
        requests: As the callers saw them.
        edge: Attempts as the providers saw them.
        chain: Attempts as the chain's transport saw them.
        states: What the chain reported of its circuit breakers.
        faults: One for each window of the plan.
        warnings: What the chain's host could not carry over, in sentences.
        aborted: When and why the run ended early, as its scenario says; None if it did not.
    """

    requests: list[RequestRecord]
    edge: list[EdgeAttempt]
    chain: list[ChainAttempt]
    states: list[ProviderState]
    faults: list[FaultEvent]
    warnings: tuple[str, ...]
    aborted: Aborted | None = None
