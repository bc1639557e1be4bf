"""From the rows that each side wrote to one history: the same for every engine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from harness.history.frames import History
from harness.history.join import Listeners, attribute, join
from harness.history.records import (
    Aborted,
    AttemptRecord,
    ChainAttempt,
    FaultEvent,
    HealthRecord,
    ProviderState,
    ReadyRecord,
    RequestRecord,
    SpendRecord,
)

UNWRITTEN_NS = 500_000_000
"""What a process has recorded for less than this may not be on the disk when it is killed, several times the usual."""


def assemble(
    plan_digest: str,
    *,
    requests: Iterable[RequestRecord],
    edge: Sequence[tuple[str | None, AttemptRecord]],
    chain: Sequence[ChainAttempt],
    faults: Iterable[FaultEvent],
    listeners: Listeners,
    ending: Collection[str],
    health: Iterable[HealthRecord] = (),
    states: Iterable[ProviderState] = (),
    ready: Iterable[ReadyRecord] = (),
    spend: Iterable[SpendRecord] = (),
    foreign: int = 0,
    unseen: bool = False,
    cache: bool = False,
    complete: bool = True,
    clocks_unsure_ns: int = 0,
    aborted: Aborted | None = None,
) -> History:
    """Return the history of a run. All times are nanoseconds since its origin.

    Args:
        plan_digest: Digest of the plan that the run followed.
        requests: As the callers saw them.
        edge: Attempts as the providers saw them, each with the key of the chain-side recorder, None where it sent none.
        chain: Attempts as the chain's transport saw them.
        faults: One for each window of the plan.
        listeners: The windows that act on a provider's port.
        ending: Ids of the faults that end the gateway's process.
        health: How the processes did.
        states: What the chain reports of its circuit breakers.
        ready: What the gateway answered when it was asked whether it is ready.
        spend: What the gateway has recorded as its tenants' spend.
        foreign: Calls that bore another run's token.
        unseen: No recorder sits in the chain, so that attempts without a connection are not recorded.
        cache: The chain may answer with what it was sent earlier in this run.
        complete: Every part of the run came to its planned end.
        clocks_unsure_ns: See `History`.
        aborted: When and why it ended early, as its scenario says; None if it did not.
    """
    joined, named, fired = records(
        requests=requests,
        edge=edge,
        chain=chain,
        faults=faults,
        listeners=listeners,
        ending=ending,
        unseen=unseen,
        cache=cache,
    )
    return History.of(
        plan_digest,
        requests=joined,
        attempts=named,
        faults=fired,
        health=health,
        states=states,
        ready=ready,
        spend=spend,
        complete=complete,
        lost=_lost(edge, chain, [event for event in fired if event.fault_id in ending]),
        foreign=foreign,
        unseen=unseen,
        clocks_unsure_ns=clocks_unsure_ns,
        aborted=aborted,
    )


def records(
    *,
    requests: Iterable[RequestRecord],
    edge: Sequence[tuple[str | None, AttemptRecord]],
    chain: Sequence[ChainAttempt],
    faults: Iterable[FaultEvent],
    listeners: Listeners,
    ending: Collection[str],
    unseen: bool = False,
    cache: bool = False,
) -> tuple[list[RequestRecord], list[AttemptRecord], list[FaultEvent]]:
    """Return the requests, attempts and faults of a run, joined; see `assemble`. No column is made of them."""
    joined, attempts = join(requests, edge, chain, cache=cache)
    named, fired = attribute(attempts, faults, listeners, ending=ending, requests=joined, unseen=unseen)
    return joined, named, fired


def _lost(
    edge: Sequence[tuple[str | None, AttemptRecord]], chain: Sequence[ChainAttempt], ending: Sequence[FaultEvent]
) -> int:
    """Return how many attempts one side alone has, although the other must have seen them.

    A gateway whose process a fault ended did not write what it had last.
    """
    ended_ns = [event.applied_ns for event in ending if event.applied_ns is not None]
    at_edge = {
        key
        for key, attempt in edge
        if key is not None
        and not any(
            attempt.start_ns <= at_ns + UNWRITTEN_NS
            and (attempt.end_ns is None or attempt.end_ns >= at_ns - UNWRITTEN_NS)
            for at_ns in ended_ns
        )
    }
    all_at_edge = {key for key, _ in edge}
    at_chain = {row.key for row in chain}
    answered = {row.key for row in chain if row.status is not None}
    return len(answered - all_at_edge) + len(at_edge - at_chain)
