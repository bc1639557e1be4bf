"""The lines of `expect`, answered."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.judge.intervals import Interval, keeps, quantile
from harness.judge.measure import measured, measured_health
from harness.judge.metrics import MAX, RUN, Measured, Metric, asked_for, key
from harness.judge.metrics.kinds import Observations, SingleObservation
from harness.judge.remedies import IDLE_MACHINE
from harness.judge.result import ExpectationResult, Finding, Metrics, Status, Value
from harness.judge.run_data import RunData
from harness.judge.stalls import TOXIPROXY, overlap_ns, stalls
from harness.quantities import S, amount, count, duration, exact, interval, plural
from harness.scenario import Expectation, Op, Phase

_NOTHING_THERE = "Choose a fault, a load or a phase in which there is something to measure, or leave the line out."
_OPPOSITE: dict[Op, Op] = {">=": "<", ">": "<=", "<=": ">", "<": ">="}


def decide(op: Op, target: float, seen: Interval) -> Status:
    """Return whether all of an interval keeps a limit, none of it does, or it lies across."""
    if keeps(op, target, seen):
        return Status.PASS
    return Status.FAIL if keeps(_OPPOSITE[op], target, seen) else Status.INCONCLUSIVE


def answer_finding(expectation: Expectation, finding: Finding) -> ExpectationResult:
    """Return the row of `no ID`.

    What could not be observed has no count: 0 would mean that all is well.
    """
    unseen = finding.status is Status.INCONCLUSIVE and not finding.count
    return ExpectationResult(
        text=expectation.text,
        metric=finding.id,
        phase=None,
        status=finding.status,
        observed=None if unseen else float(finding.count),
        ci=None,
        unit="count",
        samples=finding.samples,
        needed=None,
        message=finding.message,
        remedy=_NOTHING_THERE if unseen else finding.remedy,
    )


def answer_limit(run: RunData, metrics: Metrics, expectation: Expectation) -> ExpectationResult:
    """Return the row of a limit on a number."""
    limit = _HeldLimit.of(run, metrics, expectation)
    if limit.value.value is None:
        return limit.row(Status.INCONCLUSIVE, limit.value.why, remedy=_NOTHING_THERE)
    message = f"{limit.observed()}; limit {limit.op} {exact(limit.target, limit.value.unit)}"
    status = limit.status(limit.seen)
    needed, remedy = None, ""
    if limit.looked_ns < limit.target:
        status = Status.INCONCLUSIVE
        remedy = f"Make the time after the fault longer than {duration(limit.target)}."
        message += f"; but the run ended only {duration(limit.looked_ns)} after the fault"
    elif status is Status.INCONCLUSIVE and (cut_off := limit.cut_off()):
        message += f"; but {cut_off} of {count(limit.value.samples)} ended unanswered: their full wait is unknown"
        remedy = "Raise `deadline` in the scenario's load, so that callers stay long enough to be measured."
    elif status is Status.INCONCLUSIVE:
        needed = limit.seen.needed(limit.op, limit.target, limit.statistic)
        message += limit.how_many(needed)
        remedy = limit.more(needed)
    elif status is Status.FAIL and (excuse := limit.excuse()):
        status = Status.INCONCLUSIVE
        message += f"; but {excuse}"
        remedy = IDLE_MACHINE
    elif status is Status.FAIL:
        remedy = limit.remedy()
    return limit.row(status, message, needed=needed, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldLimit:
    """A limit, and what it is held against.

    Attributes:
        run: The run.
        expectation: The line.
        phase: Its phase; None for the whole run.
        metric: The metric.
        value: The number as in metrics.json.
        seen: What was measured.
        op: How the number must compare with the target.
        target: In the metric's unit.
        statistic: Of a distribution; empty for everything else.
    """

    run: RunData
    expectation: Expectation
    phase: Phase | None
    metric: Metric
    value: Value
    seen: Measured
    op: Op
    target: float
    statistic: str

    @classmethod
    def of(cls, run: RunData, metrics: Metrics, expectation: Expectation) -> _HeldLimit:
        """Return what a line is about."""
        name, op, target = expectation.metric, expectation.op, expectation.target
        assert name is not None
        assert op is not None
        assert target is not None
        metric = asked_for(name, expectation.quantile)
        phase = next((phase for phase in run.plan.phases if phase.name == expectation.phase), None)
        # Where all requests are of one kind, its numbers are those of all.
        phases = metrics.kinds.get(expectation.kind or "", metrics.phases)
        return cls(
            run=run,
            expectation=expectation,
            phase=phase,
            metric=metric,
            value=phases[expectation.phase or RUN][key(name, expectation.quantile, expectation.argument)],
            seen=measured(run, metric, phase, kind=expectation.kind, argument=expectation.argument),
            op=op,
            target=target,
            statistic=expectation.quantile or "" if metric.kind is Observations else "",
        )

    def status(self, seen: Measured) -> Status:
        """Return whether something that was measured keeps the limit."""
        if isinstance(seen, Observations) and self.statistic == MAX:
            return decide(self.op, self.target, seen.largest)
        value = seen.values(self.metric.unit)[self.statistic]
        assert value.value is not None
        return decide(self.op, self.target, value.ci or (value.value, value.value))

    def row(self, status: Status, message: str, *, needed: int | None = None, remedy: str = "") -> ExpectationResult:
        """Return the answer."""
        return ExpectationResult(
            text=self.expectation.text,
            metric=self.expectation.metric or "",
            phase=self.expectation.phase,
            kind=self.expectation.kind,
            status=status,
            observed=self.value.value,
            ci=self.value.ci,
            unit=self.value.unit,
            samples=self.value.samples,
            needed=needed,
            message=message,
            limit=self.target,
            remedy=remedy,
        )

    def observed(self) -> str:
        """Return what was observed, how sure it is and of how many; of the largest observation whose it is."""
        value = self.value
        assert value.value is not None
        if math.isinf(value.value):
            return value.why
        if self.statistic == MAX:
            around = f"{self._whose()}, the largest of {count(value.samples)}"
        else:
            samples = plural(value.samples, "sample") if value.ci else ""
            around = ", ".join(filter(None, (interval(value.ci, value.unit, limit=self.target), samples)))
        shown = amount(value.value, value.unit, limit=self.target)
        return f"{shown} ({around})" if around else shown

    def _whose(self) -> str:
        assert isinstance(self.seen, Observations)
        place = int(self.seen.least.argmax())
        request = self.seen.request[place]
        if request < 0:
            return f"at {duration(self.seen.from_ns[place])}"
        return str(self.run.columns.requests.pick("request_id", np.array([request]))[0])

    @property
    def looked_ns(self) -> float:
        """For how long the run waited for what never came; infinite for everything else."""
        return self.seen.looked_ns if isinstance(self.seen, SingleObservation) else math.inf

    def cut_off(self) -> int:
        """Return how many observations would have been longer, where they leave the answer open."""
        if not isinstance(self.seen, Observations) or not self.seen.censored.any():
            return 0
        known = replace(self.seen, censored=np.zeros(len(self.seen), dtype=bool))
        return int(self.seen.censored.sum()) if self.status(known) is not Status.INCONCLUSIVE else 0

    def how_many(self, needed: int | None) -> str:
        """Return how many samples would have been enough, or that their number is not what is missing."""
        if needed is not None:
            return f"; at least {plural(needed, 'sample')} needed"
        if self.value.unit == "share" and self.target in (0.0, 1.0):
            return "; no number of samples can show that"
        return "; too close to tell"

    def more(self, needed: int | None) -> str:
        """Return how so many samples can be had, or what else would give an answer."""
        if needed is not None and self.value.samples:
            phase = self.phase or Phase(name="the run", start_ns=0, end_ns=self.run.end_ns)
            name = phase.name if self.phase is None else f"`{phase.name}`"
            now_ns = phase.end_ns - phase.start_ns
            longer_ns = math.ceil(now_ns * needed / self.value.samples / S) * S
            return f"Let {name} last {duration(longer_ns)} in place of {duration(now_ns)}, or send more requests per second."
        if self.value.unit == "share" and self.target in (0.0, 1.0):
            return "Expect a little less than all, or `failed_requests <= 0`, which asks for every single request."
        return "Send several times as many requests, or move the limit: what was observed is too close to it."

    def remedy(self) -> str:
        """Return what usually helps the chain to keep the limit; empty for a limit on the side where more is better."""
        metric = self.metric
        aimed = "more" if self.op in (">", ">=") else "less"
        if metric.remedy is None or metric.better not in (None, aimed):
            return ""
        return metric.remedy.at(self.run.plan.chain)

    def excuse(self) -> str:
        """Return what else than the chain explains a broken upper limit on a time; empty if nothing does."""
        seen = self.seen
        if not self.metric.about_time or self.op not in ("<", "<="):
            return ""
        assert isinstance(seen, Observations | SingleObservation)
        if not len(seen.observed):  # what never came is not made shorter
            return ""
        return self._stalled(seen) or self._out_of_cpu(seen)

    def _stalled(self, seen: Observations | SingleObservation) -> str:
        """Return the longest stall that touched an observation, if without its own stalls each would not break the limit."""
        found, times = stalls(self.run.columns.history.health), seen.observed
        off_ns = overlap_ns(found, times.from_ns, times.to_ns)
        if not off_ns.any():
            return ""
        without = seen.less(off_ns)
        if isinstance(without, Observations):  # who left while nothing moved may have been served in time
            without = replace(without, never=without.never & (off_ns == 0))
        if self.status(without) is Status.FAIL:
            return ""
        touched = [each for each in found if overlap_ns([each], times.from_ns, times.to_ns).any()]
        return str(max(touched, key=lambda each: each.length_ns))

    def _out_of_cpu(self, seen: Observations | SingleObservation) -> str:
        """Return the loop lag of the phase, if each attempt without it would keep the limit.

        What one request alone decides may have met the longest lag of all; for the rest it is the p99 that counts.
        """
        lag_ns = _lag(self.run, self.phase, 1.0 if self.statistic == MAX else 0.99)
        # Where there is no request, one answer was waited for.
        off_ns = lag_ns * np.append(self.run.journeys.attempts, 1)[seen.observed.request].astype(np.float64)
        value = seen.less(off_ns).values("ns")[self.statistic].value
        if value is None or decide(self.op, self.target, (value, value)) is not Status.PASS:
            return ""
        return f"the machine was out of CPU: a loop lag of {duration(lag_ns)} can explain it"


def _lag(run: RunData, phase: Phase | None, share: float) -> float:
    """Return a quantile of the loop lag of the process that had the worst."""
    health = measured_health(run.columns.history, phase)
    lags = health[health["process"] != TOXIPROXY].groupby("process")["loop_lag_ns"]
    worst = [quantile(np.sort(values.to_numpy(np.float64)), share) for _, values in lags]
    return max(worst, default=0.0)
