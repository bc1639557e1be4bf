"""The space that is searched: small runs with a few faults, from the simplest one on.

Everything is drawn so that Hypothesis shrinks it the way a person would: fewer faults, the primary, a plain 503, at the
start, every attempt, round numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TypeVar

from hypothesis import strategies as st

from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.errors import UsageError
from harness.provider.fault_kind import Family
from harness.provider.faults import FAULTS
from harness.quantities import S
from harness.scenario import Fault, Inject, Load, Plan, Scenario, compile_plan

STEP_NS = S // 10
"""The grid of all times."""
NAME = "explore"
_GAPS_S = (2, 4, 5, 10)
_CALLERS = 10
_HEALTHY_S = 24
"""So long that a breaker of some 10 s is over, and callers come after that. A declared cooldown makes it longer."""
_HEALTHY_MIN = 3
_HEALTHY_MAX = 60
"""How many callers come at most when all is healthy again: a cooldown that outlasts them is not searched."""
_AT_ONCE = 6
"""How many faults begin at once for one that begins at any time."""
_FAULTS_PHASE, _HEALTHY_PHASE = "faults", "healthy"
_FAR = 3**39
"""Where all draws begin: so far from any number in a program that none lies among them.

One draw in twenty is a constant that Hypothesis has read in the modules that happen to be loaded, if one would do: the
same seed would try other schedules when something else was imported. It has no switch for that.
"""
T = TypeVar("T")

_PLAIN_FAMILIES: tuple[Family, ...] = ("refusals", "waits", "hopeless", "broken", "slow")
_STREAM_FAMILIES: tuple[Family, ...] = (*_PLAIN_FAMILIES, "streamed")
_LENGTHS_S = (1, 10, None, 2, 5, 20, 0.5)
"""How long a fault lasts, in seconds; None is until the providers are to be healthy."""
_CHOSEN: tuple[tuple[int | None, float], ...] = ((None, 1.0), (1, 1.0), (2, 1.0), (None, 0.5))
"""Which attempts: `first` and `share`."""
_STRETCHES = tuple((length_s, chosen) for chosen in _CHOSEN for length_s in _LENGTHS_S)


@dataclass(frozen=True, slots=True)
class FaultSchedule:
    """One point of the space.

    Attributes:
        streaming: Callers ask for streams.
        faults: What breaks, and when.
        callers: How many come while providers may fail.
        after: How many come when all are healthy again; None for as many as it takes to see that.
    """

    streaming: bool
    faults: tuple[Fault, ...]
    callers: int = _CALLERS
    after: int | None = None

    def simpler(self) -> Iterator[FaultSchedule]:
        """Yield what is one step simpler: without a fault, without streams, or with a fault that is more like any other."""
        for place, fault in enumerate(self.faults):
            before, after = self.faults[:place], self.faults[place + 1 :]
            if before or after:
                yield replace(self, faults=(*before, *after))
            for simpler in _simpler(fault):
                yield replace(self, faults=(*before, simpler, *after))
        if self.streaming and not any(fault.inject.fault_kind.streams_only for fault in self.faults):
            yield replace(self, streaming=False)

    @property
    def size(self) -> tuple[int, int, int, int]:
        """How much there is to it: the smaller of two that break the same is the better find."""
        chosen = sum(fault.share < 1 or fault.first is not None for fault in self.faults)
        callers = self.callers + (_CALLERS if self.after is None else self.after)
        return len(self.faults), int(self.streaming) + chosen, callers, sum(fault.at or 0 for fault in self.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What is searched, and in runs of what shape.

    Callers come at even gaps, first while providers fail, then long enough while none does. The gap grows with the
    patience of the chain, so that a run is always about as many requests.

    Attributes:
        chain: The chain.
        providers: Names of those that may fail, the primary first.
        faults_max: How many faults a run has at most.
        deadline_ns: How long a request may take.
        seed: Fixes what a run draws.
    """

    chain: Chain
    providers: tuple[str, ...]
    faults_max: int
    deadline_ns: int
    seed: int

    def __post_init__(self) -> None:
        """Refuse a chain that answers no chats, which are all that is asked.

        Raises:
            UsageError: It does not.
        """
        if self.chain.embeds:
            raise UsageError(
                f"{self.chain.entry_model!r} embeds texts and answers no chats, which are all that a search asks for",
                hint="ask for another model (--model), or run a scenario with `load: {mix: [{kind: embeddings}]}`",
            )

    @property
    def gap_ns(self) -> int:
        """From one arrival to the next."""
        wanted_s = 1.1 * self.deadline_ns / S / _CALLERS
        return next((gap_s for gap_s in _GAPS_S if gap_s >= wanted_s), _GAPS_S[-1]) * S

    @property
    def after(self) -> int:
        """How many callers come when all providers are healthy again: enough to see that the chain's cooldown is over."""
        wanted_ns = self._cooldown_ns + _HEALTHY_S * S if self._cooldown_ns > _HEALTHY_S * S // 2 else _HEALTHY_S * S
        return min(max(_HEALTHY_MIN, -(-wanted_ns // self.gap_ns)), _HEALTHY_MAX)

    @property
    def outlasted(self) -> bool:
        """Whether the chain's cooldown is longer than the time in which all are healthy, so that its end is not observable."""
        return self._cooldown_ns >= self.after * self.gap_ns

    @property
    def _cooldown_ns(self) -> int:
        cooldowns_ns = driver_of(self.chain).facts(self.chain).cooldown_ns
        return max((cooldowns_ns.get(name, 0) for name in self.chain.first), default=0)

    def phases(self, schedule: FaultSchedule) -> dict[str, int]:
        """Return the lengths of a schedule's phases, in nanoseconds, by name."""
        after = self.after if schedule.after is None else schedule.after
        healthy = {_HEALTHY_PHASE: after * self.gap_ns} if after else {}
        return {_FAULTS_PHASE: schedule.callers * self.gap_ns, **healthy}

    def shorter(self, schedule: FaultSchedule) -> Iterator[FaultSchedule]:
        """Yield a schedule with fewer callers, and so over sooner: the shortest first."""
        for after in range(self.after if schedule.after is None else schedule.after):
            yield replace(schedule, after=after)
        for callers in range(1, schedule.callers):
            end_ns = callers * self.gap_ns
            if all((fault.at or 0) < end_ns for fault in schedule.faults):
                faults = tuple(
                    replace(each, for_=min(each.for_ or 0, end_ns - (each.at or 0))) for each in schedule.faults
                )
                yield replace(schedule, callers=callers, faults=faults)

    @property
    def patience_ns(self) -> int:
        """When a caller gives up: well after the answer was due."""
        return 2 * self.deadline_ns

    def scenario(self, schedule: FaultSchedule) -> Scenario:
        """Return a schedule as the scenario that a file would hold."""
        return Scenario(
            name=NAME,
            seed=self.seed,
            load=Load(
                rate=S / self.gap_ns,
                arrivals="constant",
                streaming=float(schedule.streaming),
                deadline=self.patience_ns,
            ),
            phases=self.phases(schedule),
            faults=schedule.faults,
        )

    def plan(self, schedule: FaultSchedule, *, seed: int | None = None) -> Plan:
        """Return what a run of it is to do, by the space's own seed or by another."""
        return compile_plan(self.scenario(schedule), self.chain, (), seed=seed)

    def holds(self, schedule: FaultSchedule) -> bool:
        """Return whether a schedule is one of this space: one from an earlier search may not be."""
        end_ns = self.phases(schedule)[_FAULTS_PHASE]
        return len(schedule.faults) <= self.faults_max and all(
            fault.on in self.providers and (fault.at or 0) + (fault.for_ or 0) <= end_ns for fault in schedule.faults
        )

    def schedules(self, *, streams: bool = False) -> st.SearchStrategy[FaultSchedule]:
        """Return all that is searched.

        Args:
            streams: Most of the schedules stream, and half of their faults are those of streams; else a quarter stream.
        """
        return _schedules(self, streams=streams)

    def pairs(self) -> tuple[tuple[str, Inject], ...]:
        """Return each fault at each provider, the simplest first."""
        return tuple((name, inject) for name in self.providers for inject in dict.fromkeys(_even(_STREAM_FAMILIES)))


# A fault is four draws, and no draw decides whether there is another: Hypothesis deletes no more than five in a row at
# once, and a fault that it cannot delete stays in the find.


@st.composite
def _schedules(draw: st.DrawFn, space: Space, *, streams: bool) -> FaultSchedule:
    streaming = draw(_one_of((False, True, True, True) if streams else (False, False, False, True)))
    faults = _even(_STREAM_FAMILIES if streaming else _PLAIN_FAMILIES)
    if streams and streaming:
        streamed = _family("streamed")
        faults = (*faults, *streamed * (len(faults) // len(streamed)))
    fault = st.builds(
        partial(_fault, space),
        _one_of(space.providers),
        _one_of(faults),
        _one_of(_times(space.gap_ns)),
        _one_of(_STRETCHES),
    )
    return FaultSchedule(streaming, tuple(draw(st.lists(fault, min_size=1, max_size=space.faults_max))))


def _one_of(choices: Sequence[T]) -> st.SearchStrategy[T]:
    """Return a strategy that draws one of some choices, and shrinks towards the first."""
    return st.integers(_FAR, _FAR + len(choices) - 1).map(lambda number: choices[number - _FAR])


def _fault(
    space: Space, provider: str, inject: Inject, at_ns: int, stretch: tuple[float | None, tuple[int | None, float]]
) -> Fault:
    length_s, (first, share) = stretch
    left_ns = _CALLERS * space.gap_ns - at_ns
    length_ns = left_ns if length_s is None else min(round(length_s * S), left_ns)
    if inject.fault_kind.whole_provider:
        first, share = None, 1.0
    return Fault(on=provider, inject=inject, at=at_ns, for_=length_ns, first=first, share=share)


def _simpler(fault: Fault) -> Iterator[Fault]:
    simplest = _family("refusals")[0]
    if fault.inject != simplest:
        yield replace(fault, inject=simplest)
    if fault.at:
        yield replace(fault, at=0)
    if fault.share < 1 or fault.first is not None:
        yield replace(fault, share=1.0, first=None)
    for length_s in sorted(length_s for length_s in _LENGTHS_S if length_s and length_s >= 1):
        if (fault.for_ or 0) > length_s * S:
            yield replace(fault, for_=round(length_s * S))


@cache
def _even(families: tuple[Family, ...]) -> tuple[Inject, ...]:
    """Return all examples, the simplest first, each family about as often in all as any other."""
    members = [_family(family) for family in families]
    most = max(map(len, members))
    more = [inject for family in members for inject in family * (round(most / len(family)) - 1)]
    return (*(inject for family in members for inject in family), *more)


@cache
def _family(family: Family) -> tuple[Inject, ...]:
    """Return the examples of a family, the simplest first: those of our own kinds, for a seed must mean the same everywhere."""
    examples = [example for kind in FAULTS.own.values() for example in kind.examples if example.family == family]
    return tuple(example.inject for example in sorted(examples, key=lambda example: example.place))


@cache
def _times(gap_ns: int) -> tuple[int, ...]:
    """Return when a fault may begin, the earliest first: most of them at once, half of the others on an arrival.

    Outages that meet are the ones that matter, and what lies between two arrivals touches retries alone.
    """
    grid = tuple(range(0, _CALLERS * gap_ns, STEP_NS))
    arrivals = tuple(range(0, _CALLERS * gap_ns, gap_ns)) * (len(grid) // _CALLERS)
    return (*([0] * _AT_ONCE * len(grid)), *sorted(arrivals), *grid)
