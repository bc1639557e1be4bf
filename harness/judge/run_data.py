"""A run joined once: the tables that every metric, finding and report reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.tables.columns import TOLERANCE_NS, ZOMBIE_NS, Bools, Columns
from harness.judge.tables.fallbacks import Fallbacks, fallbacks_of
from harness.judge.tables.joining import columns
from harness.judge.tables.journeys import Journeys, journeys_of
from harness.judge.tables.outages import Outage, merged
from harness.judge.tables.pairs import Pairs, consecutive, double_sends, retries, switches
from harness.quantities import amount, duration
from harness.scenario import Phase, Plan

if TYPE_CHECKING:
    from harness.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """A plan and its history, joined.

    Attributes:
        columns: Requests and attempts.
        journeys: What became of each request: who was tried, who served, what a fallback cost.
        gaps: Consecutive pairs of the same provider, the first failed.
        switches: Consecutive pairs of two providers, the first failed.
        fallbacks: The steps from one provider to another within a request, and what triggered each.
        retries: Each failed attempt and the request's next one at the same provider, others between them or not.
        second_sends: The attempts that are the second half of a connection try that the chain's client library sends twice.
        unused: The attempts whose answer no caller got.
        outages: When each of the first providers, or a peer of it, was under a fault; in the order of `Orders.firsts`.
    """

    columns: Columns
    journeys: Journeys
    gaps: Pairs
    switches: Pairs
    fallbacks: Fallbacks
    retries: Pairs
    second_sends: Bools
    unused: Bools
    outages: tuple[tuple[Outage, ...], ...]

    @classmethod
    def of(cls, plan: Plan, history: History) -> RunData:
        """Join a history to its plan.

        Args:
            plan: What was to happen.
            history: What happened.
        """
        table = columns(plan, history)
        pairs = consecutive(table.attempts)
        same = table.attempts.provider[pairs.before] == table.attempts.provider[pairs.after]
        journeys, again = journeys_of(table), retries(table.attempts)
        sends = np.zeros(len(table.attempts), dtype=bool)
        if plan.facts.double_sends:
            sends[again.after[double_sends(table.attempts, again)]] = True
        return cls(
            columns=table,
            journeys=journeys,
            gaps=pairs.where(pairs.failed & same),
            switches=switches(table.attempts, pairs),
            fallbacks=fallbacks_of(table, journeys, pairs),
            retries=again,
            second_sends=sends,
            unused=~(table.attempts.used & table.requests.ok[table.attempts.request]),
            outages=tuple(merged(plan, names) for names in table.orders.firsts),
        )

    @property
    def plan(self) -> Plan:
        """What was to happen."""
        return self.columns.plan

    @property
    def end_ns(self) -> int:
        """End of the last phase."""
        return self.plan.phases[-1].end_ns

    def among(self, phase: Phase | None) -> Bools:
        """Return which requests belong to a phase; all of them for None."""
        if phase is None:
            return np.ones(len(self.columns.requests), dtype=bool)
        mask: Bools = self.columns.requests.phase == self.plan.phases.index(phase)
        return mask

    def of_kind(self, kind: str | None) -> Bools:
        """Return which requests are of a kind; all of them for None."""
        if kind is None:
            return np.ones(len(self.columns.requests), dtype=bool)
        mask: Bools = self.columns.requests.kind == self.columns.kinds.index(kind)
        return mask

    @property
    def apart(self) -> str:
        """Why times by the clocks of callers and of other processes cannot be compared; empty where they can."""
        unsure_ns = self.columns.history.clocks_unsure_ns
        if unsure_ns <= TOLERANCE_NS:
            return ""
        limit = duration(TOLERANCE_NS)
        return f"a worker's clock may be off by {amount(unsure_ns, 'ns', limit=TOLERANCE_NS)} (limit {limit}), so its times cannot be compared"

    @property
    def mocked(self) -> Bools:
        """Which texts may be those of a provider that the chain answers for itself: they name no attempt."""
        requests, orders = self.columns.requests, self.columns.orders
        texts: Bools = requests.unnamed & orders.holding(self.plan.facts.never_called)[requests.order]
        return texts

    @property
    def zombies(self) -> Bools:
        """Which attempts began after their caller had left."""
        requests, attempts = self.columns.requests, self.columns.attempts
        if not requests.left.any():
            return np.zeros(len(attempts), dtype=bool)
        left_ns = np.where(requests.left, requests.end_ns, math.nan)
        late: Bools = attempts.start_ns - left_ns[attempts.request] > ZOMBIE_NS
        return late
