"""Faults on the gateway and its database, as they were carried out, and the requests of its tenants."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.history import FaultEvent, as_records
from harness.judge.tables.columns import Bools

if TYPE_CHECKING:
    from harness.history.records import LegName
    from harness.judge.run_data import RunData


class GatewayFault(NamedTuple):
    """A fault on the gateway or its database.

    Attributes:
        leg: On which of the two.
        kind: Of the fault.
        from_ns: When it began to act.
        to_ns: When it was over: a gateway whose process had been ended was ready again. Infinite if that never was.
        ends_ns: From when on the gateway could have recovered: the planned end, but the beginning of a restart.
    """

    leg: LegName
    kind: str
    from_ns: int
    to_ns: float
    ends_ns: int


def gateway_faults(run: RunData) -> tuple[GatewayFault, ...]:
    """Return the faults on the gateway and its database that were applied, in the order of the plan."""
    windows = {window.fault_id: window for window in run.plan.timeline.windows if not window.at_provider}
    if not windows:
        return ()
    return tuple(
        GatewayFault(
            leg=event.leg,
            kind=event.kind,
            from_ns=event.applied_ns,
            to_ns=np.inf if event.reverted_ns is None else float(event.reverted_ns),
            # One that had to wait for an earlier one to be over began later than planned.
            ends_ns=max(event.applied_ns, 0 if event.kind == "restart" else windows[event.fault_id].end_ns),
        )
        for event in as_records(FaultEvent, run.columns.history.faults)
        if event.fault_id in windows and event.applied_ns is not None
    )


def requests_of(run: RunData, tenants: Collection[str]) -> Bools:
    """Return which requests carry the key of one of some tenants."""
    parts = {number for number, part in enumerate(run.plan.parts) if part.tenant in tenants}
    if not parts:
        return np.zeros(len(run.columns.requests), dtype=bool)
    mine = {arrival.request_id for arrival in run.plan.arrivals if arrival.part in parts}
    requests = run.columns.requests
    return np.array([name in mine for name in requests.pick("request_id", np.arange(len(requests)))], dtype=bool)


def have_budget(run: RunData) -> Bools:
    """Return which requests the gateway may refuse because their tenant's declared budget is used up."""
    keys = run.plan.chain.keys
    tenants = {} if keys is None else keys.tenants
    return requests_of(run, [name for name, tenant in tenants.items() if tenant.budget is not None])


def met_gateway_fault(run: RunData, *legs: LegName) -> Bools:
    """Return during which requests there was a fault on one of some legs: what became of them may be its work."""
    requests = run.columns.requests
    end_ns = np.where(np.isnan(requests.end_ns), np.inf, requests.end_ns)
    met = np.zeros(len(requests), dtype=bool)
    for fault in gateway_faults(run):
        if fault.leg in legs:
            met |= (requests.scheduled_ns <= fault.to_ns) & (end_ns >= fault.from_ns)
    return met
