"""A scenario and a chain, compiled: who arrives when, what breaks when, what must hold. Pure data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.chain.facts import ChainFacts
from harness.chain.redact import redact
from harness.chain.targets import targets
from harness.draw import draw
from harness.history import AttemptOutcome
from harness.provider.window import Window
from harness.quantities import exact
from harness.scenario.arrivals import times_ns
from harness.scenario.expectation import Expectation
from harness.scenario.schema import Fault, Load, Scenario

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
class Timeline:
    """All fault windows, in the order of the file; docs/reference/faults.md describes what happens where they overlap."""

    windows: tuple[Window, ...] = ()

    def at(self, provider: str) -> tuple[Window, ...]:
        """Return one provider's windows."""
        return tuple(window for window in self.windows if window.provider == provider)

    def resets(self, provider: str) -> bool:
        """Return whether a fault resets connections of a provider (RST)."""
        return any(window.inject.fault_kind.ends_by == "reset" for window in self.at(provider))

    def closes(self, provider: str) -> bool:
        """Return whether a fault closes connections of a provider (FIN) that are not done."""
        return any(window.inject.fault_kind.ends_by == "close" for window in self.at(provider))

    @property
    def listeners(self) -> dict[tuple[str, str], AttemptOutcome | None]:
        """The faults that act on a provider's port, by id and provider, each with `Window.blocks`."""
        return {
            (window.fault_id, window.provider): window.blocks
            for window in self.windows
            if window.inject.fault_kind.whole_provider
        }


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
        facts: What the judge needs to know about the chain beside that.
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
    facts: ChainFacts
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
        facts=driver_of(chain).facts(chain),
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
    times = list(times_ns(load, phases[-1].end_ns, seed))
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
    known = targets(chain)
    windows = []
    for place, fault in enumerate(scenario.faults, start=1):
        if fault.during is not None:
            start, end = by_name[fault.during].start_ns, by_name[fault.during].end_ns
        else:
            start = fault.at or 0
            end = start + (fault.for_ or 0)
        for provider in dict.fromkeys(provider for name in fault.names for provider in known[name]):
            window = Window(
                fault_id=f"fault-{place}",
                provider=provider,
                start_ns=start,
                end_ns=end,
                inject=fault.inject,
                share=fault.share,
                first=fault.first,
                every=fault.every,
                models=fault.models,
                streaming=fault.streaming,
                text=_text(fault),
            )
            windows.append(window)
    return Timeline(windows=tuple(windows))


def _text(fault: Fault) -> str:
    """Return a fault as people say it, its selectors included."""
    words = [fault.inject.fault_kind.words(fault.inject).label]
    if fault.first is not None:
        words.append(f"(the first {fault.first} attempts of a request)" if fault.first > 1 else "(first attempts)")
    if fault.every is not None:
        words.append(f"(1 of {fault.every} attempts)")
    if fault.models is not None:
        words.append(f"({', '.join(fault.models)})")
    if fault.streaming is not None:
        words.append("(streams)" if fault.streaming else "(plain answers)")
    if fault.share < 1:
        words.append(f"({exact(fault.share, 'share')} of attempts)")
    return " ".join(words)
