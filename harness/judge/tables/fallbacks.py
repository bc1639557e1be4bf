"""The steps from one provider to another within a request, what triggered each, and how it ended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.tables.columns import Bools, Columns, Floats, Ints, are_success, fault_ids
from harness.judge.tables.failures import CAUSES, causes
from harness.judge.tables.journeys import Journeys
from harness.judge.tables.pairs import Pairs
from harness.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")

SKIPPED, HEDGE, ANSWERED = "skipped", "hedge", "answered"
TRIGGERS: tuple[str, ...] = (*CAUSES, SKIPPED, HEDGE, ANSWERED)
"""The classes of failure, and what triggers a step without one."""
SERVED, UNUSED, FAILED = "served", "unused", "failed"
RESULTS = (SERVED, UNUSED, FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallbacks:
    """One entry for each step of a request from one level of its order to another; places of attempts are those in Attempts.

    A level is a provider together with its peers (`Chain.levels`). Among peers the chain picks at will, so a step to a
    peer is none, and a request that begins at a peer of the first provider has skipped nothing. The order is that of the
    request's part of the load; a provider outside of it is a level of its own. Attempts follow each other by their starts.

    Attributes:
        before: Place of the attempt before the step; -1 where the request began at another level than the first.
        after: Place of the attempt that it led to.
        trigger: Place in TRIGGERS: the class of the failure that came before; `skipped` where the request began at another
            level than the first; `hedge` where the attempt before was still open; `answered` where it had succeeded.
        status: HTTP status of that failure; NaN where nothing had failed, no status came, or it was that of a success.
        wait_ns: From the end of the failed attempt to the start of the next; NaN where nothing had failed.
        result: Place in RESULTS: `served` if the caller got its complete answer from the step's attempts (those up to the
            request's next step), `unused` if they had an answer, or were still waiting for one, when another's was used,
            else `failed`.
    """

    before: Ints
    after: Ints
    trigger: Ints
    status: Floats
    wait_ns: Floats
    result: Ints

    def __len__(self) -> int:
        return len(self.after)


def fallbacks_of(columns: Columns, journeys: Journeys, pairs: Pairs) -> Fallbacks:
    """Return the steps of all requests, in the order of the attempts that they led to.

    Args:
        columns: The run.
        journeys: What became of its requests.
        pairs: All its pairs of consecutive attempts.
    """
    attempts = columns.attempts
    steps = pairs.where(attempts.level[pairs.before] != attempts.level[pairs.after])
    skipped = journeys.first[journeys.primary_skipped]
    failed = steps.failed & ~_let_go(columns, steps.before, steps.after)
    answered = ~attempts.failed[steps.before] & (steps.gap_ns >= 0)
    trigger = np.where(answered, TRIGGERS.index(ANSWERED), TRIGGERS.index(HEDGE))
    trigger[failed] = causes(columns, steps.before[failed])
    status = attempts.status[steps.before]
    after = np.concatenate([skipped, steps.after])
    order = np.argsort(after, kind="stable")
    return Fallbacks(
        before=np.concatenate([np.full(len(skipped), -1), steps.before])[order],
        after=after[order],
        trigger=np.concatenate([np.full(len(skipped), TRIGGERS.index(SKIPPED)), trigger])[order],
        status=_failed_only(status, failed & ~are_success(status), len(skipped))[order],
        wait_ns=_failed_only(steps.gap_ns, failed, len(skipped))[order],
        result=_results(columns, journeys, after[order]),
    )


def _failed_only(values: Floats, failed: Bools, skipped: int) -> Floats:
    return np.concatenate([np.full(skipped, math.nan), np.where(failed, values, math.nan)])


def _let_go(columns: Columns, ones: Ints, others: Ints) -> Bools:
    """Return which attempts the chain gave up once another one was answering; -1 is no other.

    A hedge that answers at once leaves less time than the stamps may be off, so their order alone does not show it.
    """
    attempts = columns.attempts
    left = attempts.had("client_left")[ones]
    if not left.any():
        return left
    answering_ns = np.fmin(attempts.floats("first_byte_ns"), attempts.end_ns)
    answering_ns[attempts.failed] = math.nan
    mask: Bools = left & (np.append(answering_ns, math.nan)[others] <= attempts.end_ns[ones])
    return mask


def _results(columns: Columns, journeys: Journeys, after: Ints) -> Ints:
    requests, attempts = columns.requests, columns.attempts
    request = attempts.request[after]
    # Attempts are sorted by request: a step's are those up to the next step, or to the request's end.
    stop = np.searchsorted(attempts.request, request, side="right")
    followed = np.flatnonzero(request[1:] == request[:-1])
    stop[followed] = after[followed + 1]
    done = requests.complete | columns.rewritten
    winner, last = journeys.winner[request], stop - 1
    served = done[request] & (winner >= after) & (winner < stop)
    unused = done[request] & ~served & (~attempts.failed[last] | _let_go(columns, last, winner))
    return np.select([served, unused], [RESULTS.index(SERVED), RESULTS.index(UNUSED)], RESULTS.index(FAILED))


def providers_left(columns: Columns, fallbacks: Fallbacks) -> Ints:
    """Return the provider that each step left: the first one of the request's order where it was skipped."""
    first = columns.orders.beginning[columns.requests.order[columns.attempts.request[fallbacks.after]]]
    return np.where(fallbacks.before >= 0, columns.attempts.provider[fallbacks.before], first)


def faults_behind(columns: Columns, places: Ints) -> Ints:
    """Return the place in `fault_ids` of the fault that changed each of some attempts; -1 for none, as for no attempt (-1)."""
    attempts, windows = columns.attempts, columns.plan.timeline.windows
    fault = np.append(attempts.fault, -1)[places].astype(np.int64)
    # A fault on the listener acts before the edge, so that no attempt names it.
    unnamed = (fault < 0) & np.append(attempts.touched, False)[places]
    if unnamed.any():
        ids = fault_ids(windows)
        start_ns, provider = attempts.start_ns[places], attempts.provider[places]
        for window in windows:
            if window.at_provider and window.on_port:
                within = (start_ns >= window.start_ns) & (start_ns < window.end_ns)
                mine = provider == columns.providers.index(window.provider)
                fault[unnamed & within & mine] = ids.index(window.fault_id)
    return fault


def fallbacks_table(columns: Columns, fallbacks: Fallbacks) -> pd.DataFrame:
    """Return one row per step of a request from one provider to another, warm-up left out.

    Returns:
        `start_ns` (when the next provider was asked), `request_id`, `phase`, `kind`, `depth` (which step of its request it is,
        from 1), `trigger`, `status`, `fault_id` (the fault that changed the attempt before; missing where there was none),
        `from_provider` (the first provider where it was skipped), `to_provider`, `result`, `wait_ns`, `from_attempt` (missing
        where there was none) and `to_attempt`; see Fallbacks.
    """
    requests, attempts, providers = columns.requests, columns.attempts, columns.providers
    names = np.array(providers, dtype=object)
    before, after = fallbacks.before, fallbacks.after
    request = attempts.request[after]
    faults = fault_ids(columns.plan.timeline.windows)
    return pd.DataFrame(
        {
            "start_ns": attempts.start_ns[after].astype(np.int64),
            "request_id": requests.series("request_id", request),
            "phase": requests.series("phase", request),
            "kind": pd.Categorical(
                np.array(columns.kinds, dtype=object)[requests.kind[request]], categories=columns.kinds
            ),
            "depth": pd.Series(request).groupby(request).cumcount().to_numpy() + 1,
            "trigger": pd.Categorical(np.array(TRIGGERS, dtype=object)[fallbacks.trigger], categories=TRIGGERS),
            "status": pd.Series(fallbacks.status).astype("Int64").array,
            "fault_id": pd.Categorical(
                np.array([*faults, None], dtype=object)[faults_behind(columns, before)], categories=faults
            ),
            "from_provider": pd.Categorical(names[providers_left(columns, fallbacks)], categories=providers),
            "to_provider": pd.Categorical(names[attempts.provider[after]], categories=providers),
            "result": pd.Categorical(np.array(RESULTS, dtype=object)[fallbacks.result], categories=RESULTS),
            "wait_ns": fallbacks.wait_ns,
            "from_attempt": attempts.series("attempt_id", before),
            "to_attempt": attempts.series("attempt_id", after),
        }
    )
