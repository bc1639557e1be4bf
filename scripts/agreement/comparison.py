"""How far a live run and a simulated one of the same plan agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from harness import sim
from harness.chain import Chain
from harness.chain.policy import Policy
from harness.chain.spec import EnvironmentSpec
from harness.drivers.built import settled
from harness.errors import UsageError
from harness.history import History
from harness.judge import RunData, journeys, judge, measure, retries
from harness.judge.intervals import quantile_interval
from harness.judge.metrics import RUN
from harness.scenario import Plan
from harness.store import RunFolder

MEDIAN_SHARE, MEDIAN_S = 0.10, 0.1
P95_SHARE, P95_S = 0.10, 0.5
SAMPLES_MIN = 20
SHARED_MAX = 0.2
"""So many of the requests may have been tried otherwise, for what they share; it is a policy of another kind else."""
ENDED = ("outcome", "status", "complete")
"""How a request ended."""
COMPARED = (*ENDED, "served_by", "asked")
"""What must be the same of a request; `asked` are the providers of its attempts, in order."""
NUMBERS = (
    "success_rate",
    "amplification",
    "success_after_fallback",
    "primary_attempts_in_outage",
    "primary_skipped",
    "retry_after_honoured",
)
"""Numbers of the whole run that are shown side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """One kind of wait, in both engines.

    Attributes:
        live: Each, in seconds.
        sim: As well.
    """

    live: np.ndarray
    sim: np.ndarray

    @property
    def comparable(self) -> bool:
        """Whether there are enough of them."""
        return min(len(self.live), len(self.sim)) >= SAMPLES_MIN

    @property
    def agree(self) -> bool:
        """Whether median and p95 are within the bounds, or no further apart than chance explains.

        Too few on one side agree with few on the other, not with many.
        """
        if not self.comparable:
            return max(len(self.live), len(self.sim)) < 2 * SAMPLES_MIN
        return all(
            abs(live - simulated) <= share * live + extra_s or self._by_chance(quantile)
            for quantile, share, extra_s in ((0.5, MEDIAN_SHARE, MEDIAN_S), (0.95, P95_SHARE, P95_S))
            for live, simulated in (self.at(quantile),)
        )

    def _by_chance(self, quantile: float) -> bool:
        """Say whether both 95 % intervals meet, where there are enough waits for either to have an end."""
        (low, high), (other_low, other_high) = (
            quantile_interval(np.sort(waits), quantile) for waits in (self.live, self.sim)
        )
        return max(high, other_high) < math.inf and low <= other_high and other_low <= high

    def at(self, quantile: float) -> tuple[float, float]:
        """Return a quantile, live and simulated."""
        return float(np.quantile(self.live, quantile)), float(np.quantile(self.sim, quantile))


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One plan in both engines.

    Attributes:
        scenario: Its name.
        chain: Its chain's name.
        litellm: The version of LiteLLM of the environment that was built for the chain; None if there was none.
        requests: All that cross no edge.
        alike: Those of them that are the same in both.
        remembered: Those of them that ended the same way, but were tried otherwise: what all requests share decided so.
        at_edge: The others.
        at_edge_alike: Those of them that are alike.
        differing: Each that should be alike and is not: who, and what either engine saw.
        gaps: Retry gaps.
        overheads: Fallback overheads.
        verdicts: What the judge said, live and simulated.
        lag_s: How late the chain's event loop woke up live, at the 95th percentile; NaN if it was not measured.
        numbers: Of the whole run, live and simulated, by name; None where there is none.
        kinds: Of each kind of request how many cross no edge, are alike, and are remembered.
    """

    scenario: str
    chain: str
    litellm: str | None
    requests: int
    alike: int
    remembered: int
    at_edge: int
    at_edge_alike: int
    differing: tuple[str, ...]
    gaps: Waits
    overheads: Waits
    verdicts: tuple[str, str]
    lag_s: float
    numbers: dict[str, tuple[float | None, float | None]]
    kinds: dict[str, tuple[int, int, int]]

    @property
    def agree(self) -> bool:
        """Whether the engines agree."""
        few = self.remembered <= SHARED_MAX * self.requests
        return few and not self.differing and self.gaps.agree and self.overheads.agree


def compare(plan: Plan, live: History, simulated: History, *, litellm: str | None = None) -> Agreement:
    """Return how far two histories of one plan agree; `litellm` as in the result."""
    both = _measured(live).join(_measured(simulated), lsuffix="_live", rsuffix="_sim", how="outer")
    same = _same(both, COMPARED)
    edges = sorted({at for window in plan.timeline.windows for at in (window.start_ns, window.end_ns)})
    at_edge = _crosses(both, "live", edges) | _crosses(both, "sim", edges) | _rationed(both, plan)
    at_edge |= _changes_mind(both, live, simulated)
    remembered = ~same & ~at_edge & _same(both, ENDED) & _shared(both, plan.chain)
    counted = pd.DataFrame({"requests": ~at_edge, "alike": same & ~at_edge, "remembered": remembered})
    kinds = counted.groupby(both["kind_live"].fillna(both["kind_sim"])).sum()
    runs = [RunData.of(plan, history) for history in (live, simulated)]
    measures = [measure(run) for run in runs]
    verdicts = [judge(run, metrics) for run, metrics in zip(runs, measures, strict=True)]
    values = [metrics.phases[RUN] for metrics in measures]
    return Agreement(
        scenario=plan.name,
        chain=plan.chain.name,
        litellm=litellm,
        requests=int((~at_edge).sum()),
        alike=int((same & ~at_edge).sum()),
        remembered=int(remembered.sum()),
        at_edge=int(at_edge.sum()),
        at_edge_alike=int((same & at_edge).sum()),
        differing=tuple(_told(row) for row in both[~same & ~at_edge & ~remembered].itertuples()),
        gaps=Waits(live=_gaps(runs[0]), sim=_gaps(runs[1])),
        overheads=Waits(live=_overheads(runs[0]), sim=_overheads(runs[1])),
        verdicts=(verdicts[0].status.value, verdicts[1].status.value),
        lag_s=_lag_s(live),
        kinds={str(kind): (int(many), int(alike), int(kept)) for kind, many, alike, kept in kinds.itertuples()},
        numbers={name: (values[0][name].value, values[1][name].value) for name in NUMBERS},
    )


def simulate(folder: RunFolder) -> Agreement | None:
    """Run a live run's plan in virtual time, on the same LiteLLM, and compare; None where only a live run can do it."""
    plan = folder.plan()
    libraries = folder.environment().get("chain") or {}  # the reference chain has none
    built = libraries.get("built_from") or ()
    litellm = next((text.rpartition("==")[2] for text in built if text.startswith("litellm")), None)
    chain = plan.chain
    if litellm is not None:  # a plan does not say where its chain ran
        chain = settled(replace(chain, environment=EnvironmentSpec(litellm=litellm, packages=tuple(built[1:]))))
    try:
        ran = sim.run(plan, chain)
    except UsageError:
        return None
    return compare(plan, folder.history(), ran.history, litellm=litellm)


def _measured(history: History) -> pd.DataFrame:
    """Return what is compared of each request, by its id, as text; and its times."""
    table = history.requests[history.requests["phase"] != "warmup"].set_index("request_id")
    asked = history.attempts.sort_values("number", kind="stable").groupby("request_id")["provider"].agg(" ".join)
    compared = {name: table[name].astype("string").fillna("none").astype(str) for name in (*ENDED, "served_by")}
    return table[["start_ns", "end_ns", "kind"]].assign(**compared, asked=asked.reindex(table.index).fillna("nobody"))


def _same(both: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    same = pd.Series(data=True, index=both.index)
    for name in names:
        same &= both[f"{name}_live"] == both[f"{name}_sim"]
    return same


def _told(row: Any) -> str:
    """Return what either engine saw of a request."""
    sides = (
        f"{side} " + ", ".join(f"{name} {getattr(row, f'{name}_{side}')}" for name in COMPARED)
        for side in ("live", "sim")
    )
    return f"{row.Index}: {'; '.join(sides)}"


def _shared(both: pd.DataFrame, chain: Chain) -> pd.Series:
    """Say where what all requests of a chain share may have decided otherwise: a cooldown, a breaker, a retry budget.

    A cooldown passes a provider over. A breaker also ends retries, and a budget decides on them and on hedges.
    """
    policy = chain.policy or Policy()
    if chain.driver == "reference" and (policy.breaker is not None or policy.budget is not None):
        return pd.Series(data=True, index=both.index)
    if chain.driver == "litellm-router":
        asked = both[["asked_live", "asked_sim"]].fillna("").itertuples(index=False)
        return pd.Series([set(one.split()) != set(other.split()) for one, other in asked], index=both.index, dtype=bool)
    return pd.Series(data=False, index=both.index)


def _crosses(both: pd.DataFrame, side: str, edges: Sequence[int]) -> pd.Series:
    starts, ends = both[f"start_ns_{side}"], both[f"end_ns_{side}"]
    crosses = pd.Series(data=False, index=both.index)
    for edge in edges:
        crosses |= ((starts <= edge) & (ends >= edge)).fillna(value=False).astype(bool)
    return crosses


def _rationed(both: pd.DataFrame, plan: Plan) -> pd.Series:
    """Say who met a quota, or a count, that all requests share: who is first gets it, and that the chain's jitter says."""
    found = pd.Series(data=False, index=both.index)
    for window in plan.timeline.windows:
        if window.inject.limit is not None or window.every is not None:
            for side in ("live", "sim"):
                meets = (both[f"start_ns_{side}"] < window.end_ns) & (both[f"end_ns_{side}"] > window.start_ns)
                found |= meets.fillna(value=False).astype(bool)
    return found


def _changes_mind(both: pd.DataFrame, *histories: History) -> pd.Series:
    """Say who came just when the chain itself went over to another provider, as at the end of a cooldown."""
    ordered = both.sort_values("start_ns_live")
    failed = {name for each in histories for name in each.attempts.loc[each.attempts["outcome"] != "ok", "request_id"]}
    switches = pd.Series(data=False, index=ordered.index)
    for side in ("live", "sim"):
        served = ordered[f"served_by_{side}"]
        switches |= (served != served.shift(1)) | (served != served.shift(-1))
    return (switches & ~ordered.index.isin(failed)).reindex(both.index)


def _lag_s(live: History) -> float:
    lags = live.health.loc[live.health["process"] == "chain", "loop_lag_ns"]
    return float(lags.quantile(0.95)) / 1e9


def _gaps(run: RunData) -> np.ndarray:
    table = retries(run)
    table = table[(table["kind"] == "retry") & (table["from_outcome"] != "ok")]
    return table["gap_ns"].dropna().to_numpy(dtype=float) / 1e9


def _overheads(run: RunData) -> np.ndarray:
    return journeys(run)["fallback_overhead_ns"].dropna().to_numpy(dtype=float) / 1e9
