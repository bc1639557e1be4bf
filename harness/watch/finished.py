"""The counts of a finished run, from the tables that its metrics are computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.history import HealthRecord, ProviderState, as_records
from harness.history.records import CACHE
from harness.judge import RunData
from harness.judge.measure import dispatch_lag_ns
from harness.judge.tables.columns import OUTCOMES
from harness.judge.tables.fallbacks import TRIGGERS, providers_left
from harness.lazy import lazy
from harness.watch import instruments as names
from harness.watch.counts import Counts
from harness.watch.gauges import changed, faults, health, unbroken
from harness.watch.outcomes import INCOMPLETE, NO_ONE

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")


def counts_of(run: RunData) -> Counts:
    """Return the counts of a finished run. They agree with its metrics: both are made of the same columns."""
    counts = Counts()
    _requests(run, counts)
    _attempts(run, counts)
    _steps(run, counts)
    _gauges(run, counts)
    return counts


def _requests(run: RunData, counts: Counts) -> None:
    requests, columns = run.columns.requests, run.columns
    outcome = np.array(requests.pick("outcome", np.arange(len(requests))), dtype=object)
    outcome[requests.ok & ~requests.complete & ~columns.rewritten] = INCOMPLETE
    served = np.array([*columns.providers, NO_ONE], dtype=object)[run.journeys.served_by]
    served[requests.cached] = CACHE
    kinds = np.array(columns.kinds, dtype=object)[requests.kind]
    for labels, number in _tally(outcome, served, kinds):
        counts.add(names.REQUESTS, *labels, amount=number)
    counts.observe_all(names.REQUEST_DURATION, seconds=run.journeys.latency_ns / 1e9)
    counts.observe_all(names.DISPATCH_LAG, seconds=dispatch_lag_ns(run) / 1e9)


def _attempts(run: RunData, counts: Counts) -> None:
    attempts, providers = run.columns.attempts, run.columns.providers
    known = np.nan_to_num(attempts.status, nan=0).astype(np.int64)
    status = np.where(known > 0, known.astype(str).astype(object), "")
    outcome = np.array(OUTCOMES, dtype=object)[attempts.outcome]
    provider = np.array(providers, dtype=object)[attempts.provider]
    for labels, number in _tally(provider, outcome, status):
        counts.add(names.ATTEMPTS, *labels, amount=number)
    took_s = (attempts.end_ns - attempts.start_ns) / 1e9
    tokens_in, tokens_out = (attempts.floats(name) for name in ("tokens_in", "tokens_out"))
    for place, name in enumerate(providers):
        own = attempts.provider == place
        counts.observe_all(names.ATTEMPT_DURATION, name, seconds=took_s[own & ~np.isnan(took_s)])
        counts.add(names.TOKENS, name, "in", amount=float(np.nansum(tokens_in[own])))
        counts.add(names.TOKENS, name, "out", amount=float(np.nansum(tokens_out[own])))
        counts.add(names.COST, name, amount=float(np.nansum(attempts.cost_usd[own])))
        counts.add(names.RETRIES, name, amount=float((attempts.provider[run.retries.after] == place).sum()))


def _steps(run: RunData, counts: Counts) -> None:
    columns, steps = run.columns, run.fallbacks
    providers = np.array(columns.providers, dtype=object)
    left = providers_left(columns, steps)
    trigger = np.array(TRIGGERS, dtype=object)[steps.trigger]
    for labels, number in _tally(providers[left], providers[columns.attempts.provider[steps.after]], trigger):
        counts.add(names.FALLBACKS, *labels, amount=number)


def _gauges(run: RunData, counts: Counts) -> None:
    history = run.columns.history
    unbroken(run.plan, counts)
    faults(run.plan, None, counts)
    for change in as_records(ProviderState, history.states):
        changed(change, counts)
    for last in as_records(HealthRecord, history.health.drop_duplicates("process", keep="last")):
        health(last, None, counts)


def _tally(*columns: Any) -> list[tuple[tuple[str, ...], int]]:
    """Return how often each combination of labels occurs."""
    table = pd.DataFrame(dict(enumerate(columns)))
    sizes = table.groupby(list(table), sort=True, observed=True).size()
    return [(tuple(labels), int(number)) for labels, number in zip(sizes.index, sizes, strict=True)]
