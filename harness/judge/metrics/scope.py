"""The part of a run that a number is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.judge.run_data import RunData
    from harness.judge.tables.columns import Bools, Floats
    from harness.scenario import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A phase, the whole run, or a provider.

    Attributes:
        run: The run.
        requests: Which requests belong to it.
        attempts: Which attempts do.
        planned: How many requests were due in it, those without a record included.
        length_s: How long it lasted, in seconds.
        phase: The phase; None for the whole run or a provider.
        providers: The providers whose attempts are counted.
        argument: What the metric is asked about, where it takes an argument; None for all of it.
    """

    run: RunData
    requests: Bools
    attempts: Bools
    planned: int
    length_s: float
    phase: Phase | None
    providers: tuple[str, ...]
    argument: str | None = None

    @classmethod
    def of_phase(cls, run: RunData, phase: Phase | None) -> Scope:
        """Return a phase, or the whole run for None."""
        requests, missing = run.among(phase), run.columns.missing
        lost = missing.sum() if phase is None else missing[run.plan.phases.index(phase)]
        return cls(
            run=run,
            requests=requests,
            attempts=requests[run.columns.attempts.request],
            planned=int(requests.sum()) + int(lost),
            length_s=(run.end_ns if phase is None else phase.end_ns - phase.start_ns) / 1e9,
            phase=phase,
            providers=run.plan.chain.order,
        )

    @classmethod
    def of_provider(cls, run: RunData, place: int) -> Scope:
        """Return a provider, by its place in the columns, over the whole run."""
        requests = np.ones(len(run.columns.requests), dtype=bool)
        return cls(
            run=run,
            requests=requests,
            attempts=run.columns.attempts.provider == place,
            planned=len(requests),
            length_s=run.end_ns / 1e9,
            phase=None,
            providers=run.columns.providers[place : place + 1],
        )

    @property
    def begun(self) -> bool:
        """Whether the run came so far."""
        phases = self.run.plan.phases
        return bool(self.phase is None or self.run.columns.begun[phases.index(self.phase)])

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
