"""A scenario and a chain, compiled: who arrives when, what breaks when, what must hold. Pure data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, cast

from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.chain.facts import ChainFacts
from harness.chain.redact import redact
from harness.draw import draw
from harness.history import AttemptOutcome
from harness.history.records import LegName
from harness.provider.window import Window
from harness.quantities import exact
from harness.scenario.abort import Abort
from harness.scenario.arrivals import times_ns
from harness.scenario.expectation import Expectation
from harness.scenario.mix import THINK_NS, MixPart
from harness.scenario.orders import Order, meanings, orders, own_fields
from harness.scenario.prompts import PromptFile
from harness.scenario.schema import Fault, Load, Scenario
from harness.scenario.trace import TraceRow


class LoadFiles(NamedTuple):
    """What the files hold that a load names.

    Attributes:
        prompts: For each kind of request its file of prompts.
        trace: The arrivals of its trace; none where it has none.
    """

    prompts: tuple[PromptFile | None, ...] = ()
    trace: tuple[TraceRow, ...] = ()


NO_FILES = LoadFiles()
ARRIVALS_MAX = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A named part of the run, in nanoseconds since the origin; the end is not part of it."""

    name: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request that is to go out at `scheduled_ns`, whatever became of the others.

    Attributes:
        request_id: Unique, of constant width.
        scheduled_ns: When; of a later turn of a conversation the earliest time.
        phase: Of that time.
        streaming: Whether a stream is asked for.
        part: Place of its kind in the load's parts.
        caller: Whose it is; None where callers are not told apart.
        line: Place of its prompt in the file of its kind.
        prompt_tokens: Length of its prompt in place of its kind's, by a trace; None else.
        max_tokens: Likewise its limit on the answer.
        after: The turn before, whose answer it follows; None for all other requests.
    """

    request_id: str
    scheduled_ns: int
    phase: str
    streaming: bool
    part: int = 0
    caller: str | None = None
    line: int = 0
    prompt_tokens: int | None = None
    max_tokens: int | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All fault windows, in the order of the file; docs/reference/faults.md describes what happens where they overlap."""

    windows: tuple[Window, ...] = ()

    def at(self, provider: str) -> tuple[Window, ...]:
        """Return one provider's windows."""
        return tuple(window for window in self.windows if window.at_provider and window.provider == provider)

    def on(self, leg: LegName) -> tuple[Window, ...]:
        """Return the windows of one leg."""
        return tuple(window for window in self.windows if window.leg == leg)

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
            if window.at_provider and window.on_port
        }

    @property
    def ending(self) -> frozenset[str]:
        """Ids of the faults that end the gateway's process."""
        return frozenset(window.fault_id for window in self.windows if window.inject.fault_kind.of_process)


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
        orders: For each of the load's parts the providers that its requests should try, in order.
        prompts: For each of them its file of prompts; None where it has none.
        extras: For each of them the fields of a request's body by which it asks for its own order.
        abort: When the run ends early; None if it never does.
        correct: The scenario's: what a good chain does, in words. Empty where it has none, and in a plan from before it was kept.
        digest: SHA-256 over all of this but `correct`, hexadecimal.
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
    orders: tuple[Order, ...] = ()
    prompts: tuple[PromptFile | None, ...] = ()
    extras: tuple[dict[str, Any], ...] = ()
    abort: Abort | None = None
    correct: str = ""
    digest: str = ""

    def __post_init__(self) -> None:
        """Give a plan from before there were kinds of request the chain's own order."""
        if not self.orders:
            object.__setattr__(self, "orders", (self.chain.order,) * len(self.load.parts))

    @property
    def parts(self) -> tuple[MixPart, ...]:
        """The kinds of request; see `Load.parts`."""
        return self.load.parts

    @property
    def callers(self) -> dict[str, str]:
        """Whose each request is, by its id, where a fault is drawn for each caller; else nothing."""
        if all(window.share_by == "attempt" for window in self.timeline.windows):
            return {}
        return {arrival.request_id: arrival.caller for arrival in self.arrivals if arrival.caller is not None}

    @property
    def end_ns(self) -> int:
        """The end of the last phase."""
        return self.phases[-1].end_ns


def compile_plan(
    scenario: Scenario,
    chain: Chain,
    expectations: tuple[Expectation, ...],
    *,
    seed: int | None = None,
    files: LoadFiles = NO_FILES,
    abort: Abort | None = None,
) -> Plan:
    """Return the plan of a checked scenario on a chain; the same input gives the same plan.

    Args:
        scenario: As loaded.
        chain: As loaded.
        expectations: As parsed by the loader.
        seed: In place of the scenario's.
        files: What the load's files hold.
        abort: As parsed by the loader.
    """
    seed = scenario.seed if seed is None else seed
    phases = _phases(scenario.phases)
    plan = Plan(
        name=scenario.name,
        title=scenario.title or scenario.name,
        seed=seed,
        phases=phases,
        arrivals=_arrivals(scenario.load, phases, seed, files),
        timeline=_timeline(scenario, chain, phases),
        load=scenario.load,
        chain=redact(chain),
        facts=driver_of(chain).facts(chain),
        expectations=expectations,
        orders=orders(scenario.load, chain),
        prompts=files.prompts,
        extras=tuple(dict(own_fields(part, chain)) for part in scenario.load.parts),
        abort=abort,
        correct=scenario.correct,
    )
    return replace(plan, digest=_digest(asdict(plan)))


def on_chain(plan: Plan, chain: Chain) -> Plan:
    """Return a plan on another setting of its chain: the same arrivals and the same faults at the same providers.

    Args:
        plan: The plan.
        chain: With the same providers.
    """
    moved = replace(
        plan,
        chain=redact(chain),
        facts=driver_of(chain).facts(chain),
        orders=orders(plan.load, chain),
        extras=tuple(dict(own_fields(part, chain)) for part in plan.load.parts),
        digest="",
    )
    return replace(moved, digest=_digest(asdict(moved)))


def _digest(plan: dict[str, Any]) -> str:
    tested = {name: value for name, value in plan.items() if name != "correct"}  # words for readers test nothing
    text = json.dumps(tested, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _phases(lengths: dict[str, int]) -> tuple[Phase, ...]:
    phases: list[Phase] = []
    start = 0
    for name, length in lengths.items():
        phases.append(Phase(name=name, start_ns=start, end_ns=start + length))
        start += length
    return tuple(phases)


def phase_at(phases: Sequence[Phase], at_ns: int) -> str:
    """Return the name of the phase at a time; after the end, that of the last one."""
    return next((phase.name for phase in phases if at_ns < phase.end_ns), phases[-1].name)


class _PlannedTurn(NamedTuple):
    """A turn of an arrival: its earliest time, and the place of the arrival and of its kind, both from 0."""

    at_ns: int
    arrival: int
    part: int


def _arrivals(load: Load, phases: tuple[Phase, ...], seed: int, files: LoadFiles) -> tuple[Arrival, ...]:
    parts, end_ns = load.parts, phases[-1].end_ns
    rows = [row for row in files.trace if row.at_ns < end_ns]
    times = [row.at_ns for row in rows] if files.trace else times_ns(load, end_ns, seed)
    turns: list[_PlannedTurn] = []
    for arrival, at_ns in enumerate(times):
        kind = rows[arrival].kind if rows else None
        if kind is not None:
            chosen = next(place for place, part in enumerate(parts) if part.kind == kind)
        else:
            chosen = _part(parts, draw(seed, "kind", arrival + 1)) if len(parts) > 1 else 0
        turns += (_PlannedTurn(at_ns + turn * THINK_NS, arrival, chosen) for turn in range(parts[chosen].turns))
    turns.sort(key=lambda turn: turn.at_ns)
    width = max(6, len(str(len(turns))))
    used = [0] * len(parts)
    before: dict[int, str] = {}
    arrivals: list[Arrival] = []
    for place, turn in enumerate(turns, start=1):
        part, file = parts[turn.part], files.prompts[turn.part] if files.prompts else None
        row = rows[turn.arrival] if rows else None
        request_id = f"req-{place:0{width}d}"
        arrivals.append(
            Arrival(
                request_id=request_id,
                scheduled_ns=turn.at_ns,
                phase=phase_at(phases, turn.at_ns),
                streaming=draw(seed, "streaming", turn.arrival + 1) < (part.streaming or 0.0),
                part=turn.part,
                caller=_caller(part, turn, seed),
                line=used[turn.part] % file.lines if file is not None else 0,
                prompt_tokens=row and row.prompt_tokens,
                max_tokens=row and row.max_tokens,
                after=before.get(turn.arrival),
            )
        )
        used[turn.part] += 1
        if part.turns > 1:
            before[turn.arrival] = request_id
    return tuple(arrivals)


def _caller(part: MixPart, turn: _PlannedTurn, seed: int) -> str | None:
    """Return whose an arrival is, of the callers that share its kind."""
    if part.callers is None:
        return None
    return f"{turn.part + 1}-{1 + int(draw(seed, 'caller', turn.arrival + 1) * part.callers)}"


def _part(parts: Sequence[MixPart], drawn: float) -> int:
    """Return the place of the part that a number in [0, 1) falls to, by their shares."""
    for place, part in enumerate(parts):
        drawn -= part.share
        if drawn < 0:
            return place
    return len(parts) - 1


def _timeline(scenario: Scenario, chain: Chain, phases: tuple[Phase, ...]) -> Timeline:
    by_name = {phase.name: phase for phase in phases}
    known = meanings(scenario.load, chain)
    windows = []
    for place, fault in enumerate(scenario.faults, start=1):
        if fault.during is not None:
            start, end = by_name[fault.during].start_ns, by_name[fault.during].end_ns
        else:
            start = fault.at or 0
            end = start + (fault.for_ or 0)
        leg = cast("LegName", fault.names[0] if fault.names[0] not in known else "provider")
        providers = dict.fromkeys(provider for name in fault.names for provider in known.get(name, (leg,)))
        for provider in providers:
            window = Window(
                fault_id=f"fault-{place}",
                leg=leg,
                provider=provider,
                start_ns=start,
                end_ns=end,
                inject=fault.inject,
                share=fault.share,
                share_by=fault.share_by,
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
        words.append(f"({exact(fault.share, 'share')} of {fault.share_by}s)")
    return " ".join(words)
