"""The part of a run that a number is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.judge.run_data import RunData
    from harness.judge.tables.columns import Bools, Floats, Ints
    from harness.scenario import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A phase or the whole run, there perhaps one kind of request; or a provider.

    Attributes:
        run: The run.
        requests: Which requests belong to it.
        attempts: Which attempts do.
        counts: How many of them each request made.
        planned: How many requests were due in it, those without a record included.
        length_s: How long it lasted, in seconds.
        phase: The phase; None for the whole run or a provider.
        kind: The kind of its requests; None for all.
        orders: The providers that one of its requests may try; by the order that the request has, or the one provider.
        argument: What the metric is asked about, where it takes an argument; None for all of it.
    """

    run: RunData
    requests: Bools
    attempts: Bools
    counts: Ints
    planned: int
    length_s: float
    phase: Phase | None
    kind: str | None
    orders: tuple[tuple[str, ...], ...]
    argument: str | None = None

    @classmethod
    def of_phase(cls, run: RunData, phase: Phase | None, kind: str | None = None) -> Scope:
        """Return a phase, or the whole run for None, and in it one kind of request, or all for None."""
        columns, plan = run.columns, run.plan
        requests = run.among(phase) & run.of_kind(kind)
        lost = columns.missing[
            slice(None) if phase is None else plan.phases.index(phase),
            slice(None) if kind is None else columns.kinds.index(kind),
        ].sum()
        orders = (order for order, part in zip(plan.orders, plan.parts, strict=True) if kind in (None, part.kind))
        return cls(
            run=run,
            requests=requests,
            attempts=requests[columns.attempts.request],
            counts=np.where(requests, run.journeys.attempts, 0),
            planned=int(requests.sum()) + int(lost),
            length_s=(run.end_ns if phase is None else phase.end_ns - phase.start_ns) / 1e9,
            phase=phase,
            kind=kind,
            orders=tuple(dict.fromkeys(orders)),
        )

    @classmethod
    def of_provider(cls, run: RunData, place: int) -> Scope:
        """Return a provider, by its place in the columns, over the whole run."""
        requests = np.ones(len(run.columns.requests), dtype=bool)
        attempts = run.columns.attempts.provider == place
        return cls(
            run=run,
            requests=requests,
            attempts=attempts,
            counts=np.bincount(run.columns.attempts.request[attempts], minlength=len(requests)),
            planned=len(requests),
            length_s=run.end_ns / 1e9,
            phase=None,
            kind=None,
            orders=(run.columns.providers[place : place + 1],),
        )

    @property
    def by_first(self) -> Iterator[tuple[tuple[str, ...], Bools]]:
        """The different first providers of its requests, each with its peers, and the requests of any phase that should try it first."""
        of_kind = self.run.of_kind(self.kind)
        for names, among in self.run.columns.by_first:
            if any(order[0] in names for order in self.orders):
                yield names, among & of_kind

    @property
    def begun(self) -> bool:
        """Whether the run came so far."""
        phases = self.run.plan.phases
        return bool(self.phase is None or self.run.columns.begun[phases.index(self.phase)])

    @property
    def share(self) -> float:
        """Which share of the planned requests is of its kind."""
        parts = self.run.plan.parts
        own = sum(part.share * part.turns for part in parts if self.kind in (None, part.kind))
        return own / sum(part.share * part.turns for part in parts)

    @property
    def samples(self) -> int:
        """How many requests were recorded in it."""
        return int(self.requests.sum())


def within(at_ns: Floats, phase: Phase | None) -> Bools:
    """Return which times lie in a phase, or in the run without its warm-up for None."""
    if phase is None:
        return at_ns >= 0
    inside: Bools = (at_ns >= phase.start_ns) & (at_ns < phase.end_ns)
    return inside
