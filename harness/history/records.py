"""The kinds of record. Each is the view of one row of a column table.

Times are integer nanoseconds since the run's origin on the monotonic clock; warm-up lies before the origin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

RequestOutcome = Literal["ok", "truncated", "error", "deadline", "dropped"]
AttemptOutcome = Literal["ok", "status", "cut", "reset", "refused", "timeout", "malformed", "client_left"]
ProviderCondition = Literal["closed", "open", "half-open"]
RecordedBy = Literal["edge", "chain", "both"]
LegName = Literal["provider", "gateway", "database"]

CACHE = "cache"
"""Serves a request whose text was sent earlier for another one, by a chain that declares a cache."""
WARMUP = "warmup"
"""Phase of the calls that warm the chain up before the origin; outside every metric."""
GATEWAY = "gateway"
"""In health records a program of the user's that the run has started: no event loop of ours runs in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request of the caller.

    Attributes:
        request_id: Fixed by the plan, unique, of constant width (`req-000001`).
        phase: The phase of the intended start.
        scheduled_ns: Intended start; latency counts from here.
        start_ns: When the request really went out; None for a dropped one.
        first_token_ns: When the first piece of content reached the caller.
        end_ns: When the answer was complete, failed, or the caller left.
        outcome: `ok` (a 2xx answer that an OpenAI client takes), `truncated` (a 2xx answer that it raises on midway),
            `error` (any other answer, or none), `deadline` (the caller left), `dropped` (never went out).
        status: HTTP status; None where none came.
        served_by: Name of the provider whose answer the caller got; `cache` where a chain that declares one answered with what
            was sent earlier for another request.
        served_attempt: The attempt whose answer the caller got.
        sources: All attempts that the caller's text names.
        text_chars: Length of the text that the caller got, in characters.
        text_sha256: Its hash, hexadecimal.
        text: Its beginning, without secrets; None where the load keeps no texts.
        streaming: Whether the caller asked for a stream.
        kind: Of the request: `chat`, `tools`, …; see `harness.provider.kinds`.
        model: What was asked for; None where the chain's usual model was.
        caller: Whose request it is, of several callers that share a kind: `2-17`; None where no callers are told apart.
        prompt_sha256: Hash of the prompt's text, hexadecimal, where it is one of a file; the text itself is never kept.
        prompt_chars: Its length, in characters.
        error: What went wrong, in short, as the caller sees it.
        tokens_in: Prompt tokens as reported to the caller.
        tokens_out: Completion tokens as reported to the caller.
        cost_usd: Cost as the serving attempt has it.
        complete: The caller received, once, the whole text that the serving provider meant to send.
        client_left: The caller gave up at its deadline.
        worker: Which of the load's workers sent it; None for a load of one process.
    """

    request_id: str
    phase: str
    scheduled_ns: int
    start_ns: int | None = None
    first_token_ns: int | None = None
    end_ns: int | None = None
    outcome: RequestOutcome
    status: int | None = None
    served_by: str | None = None
    served_attempt: str | None = None
    sources: tuple[str, ...] = field(default=())
    text_chars: int | None = None
    text_sha256: str | None = None
    text: str | None = None
    streaming: bool = False
    kind: str = "chat"
    model: str | None = None
    caller: str | None = None
    prompt_sha256: str | None = None
    prompt_chars: int | None = None
    error: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    complete: bool = False
    client_left: bool = False
    worker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One HTTP exchange (or connection try) between the chain under test and one provider.

    Attributes:
        attempt_id: Unique; `REQUEST.PROVIDER.N`, N counting the request's attempts at that provider from 1.
        request_id: The request it belongs to; None for an orphan.
        number: Place among the request's attempts at all providers, counted from 1; 0 for an orphan.
        provider: The provider's name.
        start_ns: When the edge had read the request (seen by the chain alone: when the chain sent it).
        first_byte_ns: When the first byte of the answer left; None if none did.
        end_ns: Just before the last byte was written, or when the connection was gone.
        status: HTTP status of the answer; None if no headers left.
        outcome: How the exchange ended.
        fault_id: The fault that changed this attempt; None if untouched.
        other_faults: Further ones that changed it, less than that one did.
        forwarded: A real upstream was contacted.
        retry_after_ns: The delay that the answer asked for, in nanoseconds.
        error_code: The error body's own code (`rate_limit_exceeded`).
        model: The model asked for.
        streaming: Whether a stream was asked for.
        text_chars: Length of the text that the provider meant to send, in characters.
        text_sha256: Its hash, hexadecimal.
        tokens_in: Prompt tokens billed.
        tokens_out: Completion tokens billed: of an answer that broke off, those that had left. A plain answer's leave at
            once, so one that was still being made counts 0.
        cost_usd: Cost of this attempt.
        seen_by: Who recorded it; a refused connection is seen by the chain alone.
        cached_tokens: Those of `tokens_in` that the provider read from its prompt cache, as it reports them; None where it reports none.
    """

    attempt_id: str
    request_id: str | None
    number: int = 0
    provider: str
    start_ns: int
    first_byte_ns: int | None = None
    end_ns: int | None = None
    status: int | None = None
    outcome: AttemptOutcome
    fault_id: str | None = None
    other_faults: tuple[str, ...] = ()
    forwarded: bool = False
    retry_after_ns: int | None = None
    error_code: str | None = None
    model: str | None = None
    streaming: bool = False
    text_chars: int | None = None
    text_sha256: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    seen_by: RecordedBy = "edge"
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEvent:
    """One fault window at one provider, or on the gateway or its database.

    Attributes:
        fault_id: The fault's id in the plan (`fault-1`).
        provider: Where it was applied: a provider's name, or that of the leg.
        kind: `status`, `reset`, `silent`, `refused`, `slow`, …
        applied_ns: When it began to act; None if it never did.
        reverted_ns: When it ceased to act; None if it never did.
        fired: How many attempts it touched; of a fault on the gateway how many callers or processes, on its database how
            many connections. None if that is not observable.
        error: Why it could not be applied or reverted.
        leg: Where it acted: at a `provider`, on the `gateway`, on its `database`.
    """

    fault_id: str
    provider: str
    kind: str
    applied_ns: int | None = None
    reverted_ns: int | None = None
    fired: int | None = None
    error: str | None = None
    leg: LegName = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aborted:
    """The run ended early, as its scenario says.

    Attributes:
        at_ns: When.
        found: What was measured, in a few words.
    """

    at_ns: int
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRecord:
    """How one process on the path did, every 100 ms; a gateway of the user's every second.

    Attributes:
        process: `edge`, `chain`, `load`, a worker of the load (`worker-1`, …), `runner`, `toxiproxy` or `gateway`.
        at_ns: When this was written.
        loop_lag_ns: How late the process's event loop woke up at worst since the record before; of Toxiproxy, how long
            its API was silent beyond the usual; of a gateway 0.
        cpu_ns: CPU time of the process so far, all threads; 0 for Toxiproxy and a gateway.
        resident_bytes: Its memory that is not swapped out; of a gateway that of its largest process. None where it is not known.
        buffered_rows: Rows that it has to write; None of a program that writes none, as for the following.
        unflushed_bytes: Bytes that it has begun to write and that the system has not taken yet.
        flush_ns: How long its last write took.
        flushed_ns: When that ended.
    """

    process: str
    at_ns: int
    loop_lag_ns: int
    cpu_ns: int
    resident_bytes: int | None = None
    buffered_rows: int | None = None
    unflushed_bytes: int | None = None
    flush_ns: int | None = None
    flushed_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRecord:
    """One question at the address where a gateway says whether it is ready.

    It is asked as a stranger would, and where that gets no 2xx once more with what callers send.

    Attributes:
        start_ns: When it was asked, with a key if that was needed.
        end_ns: When its answer was complete; None where none came in time.
        status: HTTP status of the answer; None where none came.
        keyed: It answered with a 2xx, but only with a key.
    """

    start_ns: int
    end_ns: int | None = None
    status: int | None = None
    keyed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRecord:
    """What the gateway itself has recorded as the spend of one tenant's key, after the run.

    Attributes:
        tenant: Its name in the chain file.
        at_ns: When the gateway was asked.
        spend_usd: Its answer, in USD; None where none came.
        error: Why none came.
    """

    tenant: str
    at_ns: int
    spend_usd: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderState:
    """A change of what a chain holds of a provider: its circuit breaker opened, is half-open or closed again.

    Attributes:
        provider: Which.
        at_ns: When.
        state: `open` (left alone), `half-open` (probed), `closed` (asked as usual), from then on.
        why: In a few words.
    """

    provider: str
    at_ns: int
    state: ProviderCondition
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainAttempt:
    """One exchange as the chain's own transport saw it, before it is joined to the edge's record of it.

    Attributes:
        key: Sent along in `x-harness-attempt`, so that the edge's record carries it too.
        request_id: From the marker in the prompt; None if there is none.
        provider: From the address that was called.
        start_ns: When the transport was handed the request.
        first_byte_ns: When the answer's headers were there.
        end_ns: When the answer was read to its end, closed, or failed.
        status: HTTP status; None where none came.
        outcome: How the exchange ended, as the chain saw it.
        error: The transport's exception, class and text, without addresses or keys.
    """

    key: str
    request_id: str | None
    provider: str
    start_ns: int
    first_byte_ns: int | None = None
    end_ns: int | None = None
    status: int | None = None
    outcome: AttemptOutcome
    error: str | None = None
