"""A gateway whose own account of what its tenants have spent is not what their attempts cost."""

from __future__ import annotations

import numpy as np

from harness.history import SpendRecord, as_records
from harness.judge.findings.check_result import CheckResult, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.gateway import requests_of
from harness.judge.tables.spending import billed_usd
from harness.quantities import exact, listed, share

TOLERANCE = 0.01
"""By what share the two may differ."""


def _check(run: RunData) -> CheckResult:
    recorded = as_records(SpendRecord, run.columns.history.spend)
    if not recorded:
        return unsure("the gateway has no tenants' keys")
    wrong: list[str] = []
    unknown: list[str] = []
    samples = 0
    for record in recorded:
        cost_usd, attempts = _cost(run, record.tenant)
        samples += attempts
        if record.spend_usd is None:
            unknown.append(f"{record.tenant}: {record.error}")
        elif np.isnan(cost_usd):
            unknown.append(f"{record.tenant}: an attempt has no price")
        elif record.spend_usd == 0 < cost_usd:
            unknown.append(f"{record.tenant}: the gateway had written no spend yet")
        elif abs(record.spend_usd - cost_usd) > TOLERANCE * max(cost_usd, record.spend_usd):
            off = share(abs(record.spend_usd - cost_usd) / max(cost_usd, record.spend_usd))
            wrong.append(
                f"{record.tenant}: the gateway has {exact(record.spend_usd, 'usd')}, its attempts cost {exact(cost_usd, 'usd')} ({off} apart)"
            )
    if wrong:
        return CheckResult(status=Status.FAIL, count=len(wrong), samples=samples, message=listed(wrong, most=3))
    if unknown:
        return unsure(listed(unknown, most=3), samples)
    if not samples:
        return unsure("no tenant's request made an attempt")
    return CheckResult(status=Status.PASS, samples=samples, message="the gateway's spend is what the attempts cost")


def _cost(run: RunData, tenant: str) -> tuple[float, int]:
    """Return what the attempts of a tenant's requests cost, in USD, and how many there were; NaN if a price is not known."""
    attempts = requests_of(run, [tenant])[run.columns.attempts.request]
    return float(billed_usd(run.columns.attempts)[attempts].sum()), int(attempts.sum())


SPEND_DISAGREES = FindingKind(
    id="spend_disagrees",
    severity="required",
    shown_by="run",
    name="the gateway's spend is wrong",
    meaning=f"What the gateway has recorded as the spend of a tenant's key differs by more than {share(TOLERANCE)} from what the"
    " attempts of that tenant's requests cost. Inconclusive where the gateway had written nothing yet when the run ended, or where a"
    " price is not known. Only of a chain with `keys`.",
    could="attempts of tenants",
    remedy=Remedy("Count the spend of every attempt that a provider bills, also of those that came before a fallback."),
    check=_check,
)
