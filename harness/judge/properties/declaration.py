"""What a property is: one declaration in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.history import AttemptRecord, RequestRecord
from harness.judge.properties.search_run import SearchRun

RequestAttempts = list[AttemptRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstRequest:
    """The request that shows best how a property is broken.

    Attributes:
        run: Its run.
        request: The request.
        attempts: Its attempts, in order.
    """

    run: SearchRun
    request: RequestRecord
    attempts: RequestAttempts


def _none(_run: SearchRun) -> int:
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """Something that must hold whatever breaks, and that `harness explore` tries to break.

    A property either corresponds to findings, or sets a limit of its own.

    Attributes:
        name: What people call it.
        broken_by: What breaks it, as the subject of a sentence.
        check: Returns the requests that break it, in order; none where it holds.
        harm: Returns what it comes to for the caller, as half a sentence.
        findings: Ids of the findings that mean the same for a run.
        limit: For a property without findings: returns the expectation that the requests which break it fail.
        about_streams: Mostly broken by streams, so that a search for it should try many.
        weight: Returns how badly a request breaks it; None where the request that waited longest is the worst.
        callers_missing: Returns how many more callers are needed to decide whether a run breaks it: 0 where that is clear,
            or where it cannot be broken.
        caused_by_all: The faults of all requests led to it, not only those of the request that shows it.
    """

    name: str
    broken_by: str
    check: Callable[[SearchRun], tuple[str, ...]]
    harm: Callable[[WorstRequest], str]
    findings: tuple[str, ...] = ()
    limit: Callable[[SearchRun, tuple[str, ...]], str] | None = None
    about_streams: bool = False
    weight: Callable[[SearchRun, RequestAttempts], int] | None = None
    callers_missing: Callable[[SearchRun], int] = _none
    caused_by_all: bool = False

    def __post_init__(self) -> None:
        """Refuse a property that no scenario could expect.

        Raises:
            ValueError: It has neither findings nor a limit, or both.
        """
        if bool(self.findings) == (self.limit is not None):
            raise ValueError(f"property {self.name!r} needs findings or a limit, and not both")

    def expectations(self, run: SearchRun, broken_by: tuple[str, ...]) -> tuple[str, ...]:
        """Return the lines of a scenario's `expect` that demand of this run what the property demands of all.

        Args:
            run: A run that breaks the property.
            broken_by: The requests that break it.
        """
        if self.limit is not None:
            return (self.limit(run, broken_by),)
        return tuple(f"no {finding}" for finding in self.findings)

    def worst(self, run: SearchRun, broken_by: tuple[str, ...]) -> WorstRequest:
        """Return the request that shows it best; of equals the one that waited longest.

        Args:
            run: A run that breaks the property.
            broken_by: The requests that break it.
        """

        def badness(request: RequestRecord) -> tuple[int, int]:
            weight = self.weight(run, run.of[request.request_id]) if self.weight else 0
            return weight, run.waited_ns(request)

        worst = max((request for request in run.requests if request.request_id in broken_by), key=badness)
        return WorstRequest(run=run, request=worst, attempts=run.of[worst.request_id])
