"""A scenario and a chain, compiled: who arrives when, what breaks when, what must hold. Pure data."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.chain import Chain
from harness.chain.redact import redact
from harness.draw import draw
from harness.scenario.expect import Expectation
from harness.scenario.schema import Inject, Load, Scenario

ARRIVALS_MAX = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A named part of the run, in nanoseconds since the origin; the end is not part of it."""

    name: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request that is to go out at `scheduled_ns`, whatever became of the others."""

    request_id: str
    scheduled_ns: int
    phase: str
    streaming: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One fault at one provider; a fault on several providers has one window at each.

    Attributes:
        fault_id: `fault-1`, … in the order of the file.
        provider: The provider's name.
        start_ns: Begins to act, since the origin.
        end_ns: Ceases to act.
        inject: What goes wrong.
        share: Share of the attempts that it changes.
        text: For people: `429 Retry-After 2s`.
    """

    fault_id: str
    provider: str
    start_ns: int
    end_ns: int
    inject: Inject
    share: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All fault windows, in the order of the file: where two overlap, the earlier one that fires wins."""

    windows: tuple[Window, ...] = ()

    def at(self, provider: str) -> tuple[Window, ...]:
        """Return one provider's windows."""
        return tuple(window for window in self.windows if window.provider == provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is to do.

    Attributes:
        name: The scenario's.
        title: The scenario's.
        seed: Fixes arrivals and every draw.
        phases: In order, without gaps, from 0.
        arrivals: By `scheduled_ns`.
        timeline: The fault windows.
        load: Deadline and size of the requests.
        chain: Without its secrets.
        expectations: In the order of the file.
        digest: SHA-256 over all of this, hexadecimal.
    """

    name: str
    title: str
    seed: int
    phases: tuple[Phase, ...]
    arrivals: tuple[Arrival, ...]
    timeline: Timeline
    load: Load
    chain: Chain
    expectations: tuple[Expectation, ...]
    digest: str = ""

    @property
    def end_ns(self) -> int:
        """The end of the last phase."""
        return self.phases[-1].end_ns


def compile_plan(
    scenario: Scenario, chain: Chain, expectations: tuple[Expectation, ...], *, seed: int | None = None
) -> Plan:
    """Return the plan of a checked scenario on a chain; the same input gives the same plan.

    Args:
        scenario: As loaded.
        chain: As loaded.
        expectations: As parsed by the loader.
        seed: In place of the scenario's.
    """
    seed = scenario.seed if seed is None else seed
    phases = _phases(scenario.phases)
    plan = Plan(
        name=scenario.name,
        title=scenario.title or scenario.name,
        seed=seed,
        phases=phases,
        arrivals=_arrivals(scenario.load, phases, seed),
        timeline=_timeline(scenario, chain, phases),
        load=scenario.load,
        chain=redact(chain),
        expectations=expectations,
    )
    return replace(plan, digest=_digest(asdict(plan)))


def _digest(plan: dict[str, Any]) -> str:
    text = json.dumps(plan, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _phases(lengths: dict[str, int]) -> tuple[Phase, ...]:
    phases: list[Phase] = []
    start = 0
    for name, length in lengths.items():
        phases.append(Phase(name=name, start_ns=start, end_ns=start + length))
        start += length
    return tuple(phases)


def _arrivals(load: Load, phases: tuple[Phase, ...], seed: int) -> tuple[Arrival, ...]:
    end = phases[-1].end_ns
    times: list[int] = []
    mean_ns = 10**9 / load.rate
    at = 0.0
    while True:
        place = len(times)
        if load.arrivals == "constant":
            at = mean_ns * place
        else:  # exponential gaps, by inversion
            at += -math.log1p(-draw(seed, "arrival", place)) * mean_ns
        if at >= end:
            break
        times.append(int(at))
    width = max(6, len(str(len(times))))
    arrivals = []
    phase = iter(phases)
    current = next(phase)
    for place, at_ns in enumerate(times, start=1):
        while at_ns >= current.end_ns:
            current = next(phase)
        streaming = draw(seed, "streaming", place) < load.streaming
        arrivals.append(
            Arrival(request_id=f"req-{place:0{width}d}", scheduled_ns=at_ns, phase=current.name, streaming=streaming)
        )
    return tuple(arrivals)


def _timeline(scenario: Scenario, chain: Chain, phases: tuple[Phase, ...]) -> Timeline:
    by_name = {phase.name: phase for phase in phases}
    windows = []
    for place, fault in enumerate(scenario.faults, start=1):
        if fault.during is not None:
            start, end = by_name[fault.during].start_ns, by_name[fault.during].end_ns
        else:
            start = fault.at or 0
            end = start + (fault.for_ or 0)
        for provider in chain.roles.get(fault.on, (fault.on,)):
            window = Window(
                fault_id=f"fault-{place}",
                provider=provider,
                start_ns=start,
                end_ns=end,
                inject=fault.inject,
                share=fault.share,
                text=_text(fault.inject, fault.share),
            )
            windows.append(window)
    return Timeline(windows=tuple(windows))


def _text(inject: Inject, part: float) -> str:
    words = [str(inject.status) if inject.status is not None else str(inject.connection)]
    if inject.error:
        words.append(inject.error)
    if inject.retry_after is not None:
        words.append(f"Retry-After {inject.retry_after / 10**9:g} s")
    if inject.delay is not None:
        words.append(f"{inject.delay / 10**9:g} s")
    if part < 1:
        words.append(f"({part:.0%} of attempts)")
    return " ".join(words)
