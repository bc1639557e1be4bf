"""How metrics are measured, and how sure each is: rates, means, counts, times."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.judge.intervals import (
    Interval,
    count_interval,
    needed_for_mean,
    needed_for_quantile,
    needed_for_rate,
    poisson,
    quantile,
    quantile_interval,
    wilson,
)
from harness.judge.result import Value

if TYPE_CHECKING:
    from harness.judge.tables.columns import Bools, Floats, Ints
    from harness.quantities import Unit
    from harness.scenario import Op

QUANTILES: Mapping[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
MAX = "max"
"""The largest observation: no estimate from a sample, but all that there was, so without an interval."""
STATISTICS = (*QUANTILES, MAX)
"""What a distribution can be asked for."""


class Measured(ABC):
    """What was measured: one number, or a distribution and its statistics.

    Attributes:
        kind: Its name in the reference.
        certainty: Its 95 % interval, in the reference.
    """

    __slots__ = ()
    kind: ClassVar[str]
    certainty: ClassVar[str]

    @abstractmethod
    def values(self, unit: Unit) -> dict[str, Value]:
        """Return each number with its interval and samples, by statistic; `""` for the number itself."""

    def needed(self, op: Op, target: float, statistic: str) -> int | None:  # noqa: ARG002 - for those that know more
        """Return how many samples would suffice for a limit; None where their number is not what is wrong."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion(Measured):
    """A share of requests or attempts, with Wilson's interval.

    Attributes:
        hits: Those that count.
        samples: All of them.
        nothing: Why there are none.
    """

    kind: ClassVar[str] = "rate"
    certainty: ClassVar[str] = "Wilson's score interval"
    hits: int
    samples: int
    nothing: str

    def values(self, unit: Unit) -> dict[str, Value]:
        """Return the share."""
        if not self.samples:
            return {"": _none(unit, self.nothing)}
        ci = wilson(self.hits, self.samples)
        return {"": Value(value=self.hits / self.samples, ci=ci, samples=self.samples, unit=unit)}

    def needed(self, op: Op, target: float, statistic: str) -> int | None:  # noqa: ARG002 - it has but one
        """Return how many samples would suffice if no more of the bad ones come."""
        return needed_for_rate(op, target, hits=self.hits, samples=self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency(Measured):
    """Events per second, with Garwood's interval.

    Attributes:
        count: Events.
        length_s: In so many seconds.
        samples: Requests that could have been one.
        nothing: Why there are none.
    """

    kind: ClassVar[str] = "frequency"
    certainty: ClassVar[str] = "Garwood's exact Poisson interval of the count, per second"
    count: int
    length_s: float
    samples: int
    nothing: str

    def values(self, unit: Unit) -> dict[str, Value]:
        """Return the events per second."""
        if not self.samples:
            return {"": _none(unit, self.nothing)}
        low, high = poisson(self.count)
        ci = low / self.length_s, high / self.length_s
        return {"": Value(value=self.count / self.length_s, ci=ci, samples=self.samples, unit=unit)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean(Measured):
    """A mean of counts per request, with Student's t interval, widened.

    Attributes:
        counts: Of each request.
        most: The highest count that a request can have.
        nothing: Why there are none.
    """

    kind: ClassVar[str] = "mean"
    certainty: ClassVar[str] = (
        "Student's t on the counts per request, joined with t on the same counts and one imagined request "
        "with the most attempts that the chain's policy allows"
    )
    counts: Floats
    most: int
    nothing: str

    def values(self, unit: Unit) -> dict[str, Value]:
        """Return the mean."""
        if not len(self.counts):
            return {"": _none(unit, self.nothing)}
        ci = count_interval(self.counts, self.most)
        return {"": Value(value=float(self.counts.mean()), ci=ci, samples=len(self.counts), unit=unit)}

    def needed(self, op: Op, target: float, statistic: str) -> int | None:  # noqa: ARG002 - it has but one
        """Return how many requests like these would suffice."""
        return needed_for_mean(op, target, values=self.counts, most=self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Measured):
    """A plain number, without an interval.

    Attributes:
        value: The number.
        samples: What could have been counted.
        nothing: Why there is none; empty if 0 of none is a number too.
    """

    kind: ClassVar[str] = "count"
    certainty: ClassVar[str] = "none: the value alone is judged"
    value: float
    samples: int
    nothing: str

    def values(self, unit: Unit) -> dict[str, Value]:
        """Return the number."""
        if self.nothing and not self.samples:
            return {"": _none(unit, self.nothing)}
        return {"": Value(value=float(self.value), samples=self.samples, unit=unit)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations(Measured):
    """A distribution: one observation for each request, for each retry, or for each question about a gateway's health.

    Attributes:
        request: Place of the request of each; -1 where there is none.
        from_ns: Where the observed time begins; 0 for what is no time.
        to_ns: Where it ends: `to_ns - from_ns - apart_ns` is what was observed.
        apart_ns: Time in between that is not part of it.
        censored: It would have been longer: its caller left, or it was never sent.
        never: What was waited for never came: the observation is infinite.
        nothing: Why there are none.
        total: Their sum, where that is a number of its own.
    """

    kind: ClassVar[str] = "distribution"
    certainty: ClassVar[str] = "order statistics (binomial); of `max` none: the value alone is judged"
    request: Ints
    from_ns: Floats
    to_ns: Floats
    apart_ns: Floats
    censored: Bools
    never: Bools
    nothing: str
    total: float | None = None

    @classmethod
    def of(
        cls,
        mask: Bools,
        *,
        request: Ints,
        from_ns: Floats,
        to_ns: Floats,
        apart_ns: Floats | None = None,
        censored: Bools | None = None,
        never: Bools | None = None,
        nothing: str,
    ) -> Observations:
        """Return those of some arrays that a mask leaves; by default none has a part apart or is censored, and all came."""
        place: Any = np.flatnonzero(mask)
        none, nothing_apart = np.zeros(len(place), dtype=bool), np.zeros(len(place))
        if len(place) == len(mask):  # all of them: no copies
            place = slice(None)
        return cls(
            request=request[place],
            from_ns=from_ns[place],
            to_ns=to_ns[place],
            apart_ns=nothing_apart if apart_ns is None else apart_ns[place],
            censored=none if censored is None else censored[place],
            never=none if never is None else never[place],
            nothing=nothing,
        )

    def __len__(self) -> int:
        return len(self.request)

    @property
    def observed(self) -> Observations:
        """The observations themselves."""
        return self

    @property
    def least(self) -> Floats:
        """What was observed; of a censored one the least that it can have been."""
        least = self.to_ns - self.from_ns
        least -= self.apart_ns
        least[self.never] = math.inf
        return least

    @property
    def most(self) -> Floats:
        """What was observed; of a censored one there is no knowing how long it would have been."""
        return np.where(self.censored, math.inf, self.least)

    def values(self, unit: Unit) -> dict[str, Value]:
        """Return the quantiles, the largest, and the sum where it is a number of its own."""
        size = len(self)
        found: dict[str, Value] = {}
        if self.total is not None:
            found[""] = Value(value=self.total, samples=size, unit=unit)
        if not size:
            return found | dict.fromkeys(STATISTICS, _none(unit, self.nothing))
        least = np.sort(self.least)
        most = np.sort(self.most) if self.censored.any() else least
        for name, share in QUANTILES.items():
            ci = quantile_interval(least, share)[0], quantile_interval(most, share)[1]
            found[name] = self._value(quantile(least, share), ci, unit)
        return found | {MAX: self._value(float(least[-1]), None, unit)}

    def _value(self, value: float, ci: Interval | None, unit: Unit) -> Value:
        why = f"{int(self.never.sum())} of {len(self)} never came" if math.isinf(value) else ""
        return Value(value=value, ci=ci, samples=len(self), unit=unit, why=why)

    @property
    def largest(self) -> Interval:
        """The largest observation: what it was at least, and what it can have been."""
        return float(self.least.max()), float(self.most.max())

    def needed(self, op: Op, target: float, statistic: str) -> int | None:  # noqa: ARG002 - the limit does not matter
        """Return how many samples give the quantile an interval, if there are fewer."""
        needed = needed_for_quantile(QUANTILES[statistic]) if statistic in QUANTILES else 0
        return needed if needed > len(self) else None

    def less(self, off_ns: Floats) -> Observations:
        """Return the observations, each shorter by so much."""
        return replace(self, to_ns=self.to_ns - off_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleObservation(Measured):
    """One observation of a run, without an interval.

    Attributes:
        observed: The observation; none if there is none.
        never: It could have come, and did not.
        why: Why there is no finite value.
        looked_ns: How long the run went on to see it; infinite where it came, or could not have come.
    """

    kind: ClassVar[str] = "single"
    certainty: ClassVar[str] = "none: the value alone is judged"
    observed: Observations
    never: bool = False
    why: str = ""
    looked_ns: float = math.inf

    @classmethod
    def none(cls, why: str, *, never: bool = False, looked_ns: float = math.inf) -> SingleObservation:
        """Return that there is no observation, and why."""
        empty = np.zeros(0)
        nothing = Observations.of(
            empty.astype(bool), request=empty.astype(np.int64), from_ns=empty, to_ns=empty, nothing=why
        )
        return cls(observed=nothing, never=never, why=why, looked_ns=looked_ns)

    def values(self, unit: Unit) -> dict[str, Value]:
        """Return the value; infinite if it never came."""
        if not len(self.observed):
            return {"": Value(value=math.inf if self.never else None, samples=int(self.never), unit=unit, why=self.why)}
        return {"": Value(value=float(self.observed.least[0]), samples=1, unit=unit)}

    def less(self, off_ns: Floats) -> SingleObservation:
        """Return the observation, shorter by so much."""
        return replace(self, observed=self.observed.less(off_ns))


def _none(unit: Unit, why: str) -> Value:
    return Value(value=None, samples=0, unit=unit, why=why)
