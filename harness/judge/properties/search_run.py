"""A small run in plain Python: what the properties look at.

One request at a time and without columns: a search judges thousands of runs a minute, and laying out columns would take
longer than the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.chain import Chain
from harness.chain.facts import ChainFacts
from harness.history.records import WARMUP, AttemptRecord, RequestRecord
from harness.judge.tables.columns import TOLERANCE_NS
from harness.scenario import Window

Pair = tuple[AttemptRecord, AttemptRecord]
"""A failed attempt and the request's next one at the same provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRun:
    """A small run, as the properties look at it.

    Attributes:
        requests: All of them.
        attempts: All of them, in any order.
        windows: The faults of the plan.
        chain: The chain.
        orders: By request, the order in which it should try the providers; the chain's order for the others.
        facts: What is known about the chain beside that.
        providers: Names of those that count.
        deadline_ns: How long a request may take from its intended start, in nanoseconds.
        end_ns: End of the last phase.
        of: The attempts of each measured request, in order.
    """

    requests: Sequence[RequestRecord]
    attempts: Sequence[AttemptRecord]
    windows: Sequence[Window]
    chain: Chain
    orders: Mapping[str, tuple[str, ...]]
    facts: ChainFacts
    providers: tuple[str, ...]
    deadline_ns: int
    end_ns: int
    of: Mapping[str, list[AttemptRecord]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sort the attempts by request."""
        of: dict[str, list[AttemptRecord]] = {
            each.request_id: [] for each in self.requests if each.phase != WARMUP and each.scheduled_ns >= 0
        }
        for attempt in sorted(self.attempts, key=lambda each: (each.start_ns, each.number)):
            if attempt.request_id in of:
                of[attempt.request_id].append(attempt)
        object.__setattr__(self, "of", of)

    def order(self, request: RequestRecord) -> tuple[str, ...]:
        """Return the order in which a request should try the providers."""
        return self.orders.get(request.request_id, self.chain.order)

    def measured(self) -> Iterator[tuple[RequestRecord, list[AttemptRecord]]]:
        """Yield each request with its attempts."""
        for request in self.requests:
            if request.request_id in self.of:
                yield request, self.of[request.request_id]

    def retries(self, attempts: list[AttemptRecord]) -> Iterator[Pair]:
        """Yield each failed attempt of a request with the next one at the same provider for the same model.

        Not where both were open at once.
        """
        for provider in dict.fromkeys(each.provider for each in attempts):
            there = [each for each in attempts if each.provider == provider]
            models = _models(there)
            for model in dict.fromkeys(models):
                for before, after in pairwise(
                    each for each, asked in zip(there, models, strict=True) if asked == model
                ):
                    if _follows(before, after):
                        yield before, after

    @property
    def attempts_max(self) -> int:
        """How many attempts one request may make at the providers that count."""
        return self.facts.attempts_max(self.providers)

    def waited_ns(self, request: RequestRecord) -> int:
        """Return how long a caller waited for its answer, or until the run's end, in nanoseconds."""
        return (self.end_ns if request.end_ns is None else request.end_ns) - request.scheduled_ns


def _models(attempts: list[AttemptRecord]) -> list[str | None]:
    """Return which model each attempt at a provider asked for.

    The model of a connection try that only the chain has seen is unknown: it counts as that of its neighbour.
    """
    models = [each.model for each in attempts]
    for place in range(1, len(models)):
        models[place] = models[place] or models[place - 1]
    for place in reversed(range(len(models) - 1)):
        models[place] = models[place] or models[place + 1]
    return models


def _follows(before: AttemptRecord, after: AttemptRecord) -> bool:
    # Both stamps of an answered attempt are the edge's, so nothing of it is known before its end.
    early_ns = 0 if before.outcome == "status" else TOLERANCE_NS
    return failed(before) and before.end_ns is not None and after.start_ns >= before.end_ns - early_ns


def winner(request: RequestRecord, attempts: list[AttemptRecord]) -> AttemptRecord | None:
    """Return the attempt of a request whose answer its caller took."""
    if request.served_attempt is not None:
        return next((each for each in attempts if each.attempt_id == request.served_attempt), None)
    if request.sources or request.outcome != "ok":
        return None
    return next((each for each in reversed(attempts) if not failed(each)), None)


def failed(attempt: AttemptRecord) -> bool:
    """Return whether an attempt did not succeed."""
    return attempt.outcome != "ok"
