"""Simulated runs as histories: the rows that the engine writes, here or in the chain's own interpreter, made columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.chain import Chain
from harness.drivers import in_process
from harness.drivers.interpreter import interpreter_of
from harness.history import AttemptRecord, History, RequestRecord
from harness.history.assemble import assemble
from harness.history.assemble import records as joined
from harness.messages import RunRows
from harness.scenario import Plan
from harness.sim.engine_process import EngineProcess
from harness.sim.rows import rows

__all__ = ["ChainEngine", "SimResult", "records", "result", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimResult:
    """A run that came to its planned end.

    Attributes:
        history: All that happened.
        warnings: What the chain's host could not carry over.
    """

    history: History
    warnings: tuple[str, ...]


def run(plan: Plan, chain: Chain, *, optimised: bool = True) -> SimResult:
    """Carry a plan out in virtual time. The same plan gives the same history, to the last nanosecond.

    Args:
        plan: What to do.
        chain: The chain, with its secrets.
        optimised: Leave out the chain's own work that no history shows.

    Raises:
        UsageError: Only a live run can do this.
        UnrealError: Something real was tried, nothing could ever happen again, or there is no end.
    """
    return result(plan, chain, rows(plan, chain, optimised=optimised))


class ChainEngine:
    """The engine in a process of its own, in the chain's interpreter or ours: no run meets what another left behind.

    Args:
        chain: The chain, with its secrets.

    Raises:
        UsageError: Only a live run can host it, or its interpreter cannot be used.
    """

    def __init__(self, chain: Chain) -> None:
        in_process.simulable(chain)
        self._chain = chain
        self._process = EngineProcess(interpreter_of(chain))
        self._process.prepare(chain)

    def run(self, plan: Plan, *, chain_seed: int) -> SimResult:
        """Carry a plan out.

        Args:
            plan: What to do.
            chain_seed: Fixes the random draws of the chain, whatever the plan's seed.

        Raises:
            HarnessError: See `run`.
        """
        return result(plan, self._chain, self._process.run(plan, self._chain, chain_seed=chain_seed))

    def end(self) -> None:
        """End it, from whatever thread; a run that goes on fails."""
        self._process.end()


def records(
    plan: Plan, chain: Chain, *, chain_seed: int | None = None
) -> tuple[list[RequestRecord], list[AttemptRecord]]:
    """Carry a plan out as `run` does, and return its bare records: for whoever looks at thousands of small runs.

    Args:
        plan: What to do.
        chain: The chain, with its secrets.
        chain_seed: Fixes the random draws of the chain; if None, the plan's seed does.
    """
    requests, attempts, _faults = joined(**_sides(plan, chain, rows(plan, chain, chain_seed=chain_seed)))
    return requests, attempts


def result(plan: Plan, chain: Chain, written: RunRows) -> SimResult:
    """Return the history of what the parts of a run wrote.

    Args:
        plan: What was to be done.
        chain: The chain.
        written: From `rows`.
    """
    history = assemble(plan.digest, **_sides(plan, chain, written), states=written.states, aborted=written.aborted)
    return SimResult(history=history, warnings=written.warnings)


def _sides(plan: Plan, chain: Chain, rows: RunRows) -> dict[str, Any]:
    """Return what each side saw, as `assemble` takes it."""
    return {
        "requests": rows.requests,
        "edge": [(row.key, row.attempt) for row in rows.edge],
        "chain": rows.chain,
        "faults": rows.faults,
        "listeners": plan.timeline.listeners,
        "ending": plan.timeline.ending,
        "cache": "cache" in chain.answers,
    }
