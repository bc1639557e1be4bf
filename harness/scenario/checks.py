"""What can be wrong with a scenario beyond the shape of its fields. Each check tells every mistake that it finds.

The checks of names read what is written, also where another field is wrong, so that all mistakes are told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import combinations, pairwise
from typing import Any

from pydantic_core import PydanticCustomError

from harness.chain import Chain
from harness.chain.targets import targets
from harness.document import Document, did_you_mean
from harness.errors import UsageError
from harness.history.records import WARMUP
from harness.scenario import expect
from harness.scenario.expect import METRICS, Expectation
from harness.scenario.names import RESERVED_NAMES
from harness.scenario.plan import ARRIVALS_MAX
from harness.scenario.schema import Scenario

RESERVED = {WARMUP: "the calls before the run", "run": "the whole run"}
"""Phases of every run that no scenario names."""

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda value, target: value >= target,
    ">": lambda value, target: value > target,
    "<=": lambda value, target: value <= target,
    "<": lambda value, target: value < target,
}


def written_names(document: Document) -> Iterator[UsageError]:
    """Yield what is wrong with the names of phases, and with faults and expectations that name them."""
    phases = _mapping(document.data, "phases")
    for name in phases:
        place = ("phases", name)
        if not name.replace("_", "").replace("-", "").isalnum() or len(name) > 60:
            yield document.error(f"not a phase's name: {name[:60]!r}", place, hint="letters, digits, - and _")
        if name in RESERVED:
            yield document.error(f"{name!r} cannot name a phase: it means {RESERVED[name]}", place)
    if not phases:
        return
    for number, fault in enumerate(_list(document.data, "faults")):
        during = fault.get("during") if isinstance(fault, dict) else None
        if isinstance(during, str) and during not in phases:
            hint = did_you_mean(during, phases)
            where = ("faults", number, "during")
            yield document.error(f"unknown phase {during!r}", where, known=", ".join(phases), hint=hint)
    for number, text in enumerate(_list(document.data, "expect")):
        if isinstance(text, str):
            yield from _expectation_errors(document, number, text, phases)


def _expectation_errors(document: Document, number: int, text: str, phases: Collection[str]) -> Iterator[UsageError]:
    try:
        expect.parse(text, phases)
    except PydanticCustomError as error:
        context, place = error.context or {}, ("expect", number)
        yield document.error(error.message(), place, known=context.get("known"), hint=context.get("hint"))


def written_targets(document: Document, chain: Chain) -> Iterator[UsageError]:
    """Yield the names after `on` that the chain has no provider for."""
    known = targets(chain)
    for number, fault in enumerate(_list(document.data, "faults")):
        on = fault.get("on") if isinstance(fault, dict) else None
        for place, name in [(("faults", number, "on"), on)] if isinstance(on, str) else _places(on, number):
            if name in known:
                continue
            problem = f"the chain has no {name}" if name in chain.roles else f"unknown provider {name!r}"
            yield document.error(problem, place, known=", ".join(known)[:500], hint=did_you_mean(name, known))


def _places(on: Any, number: int) -> list[tuple[tuple[str | int, ...], str]]:
    listed = on if isinstance(on, list) else []
    return [(("faults", number, "on", place), name) for place, name in enumerate(listed) if isinstance(name, str)]


def scenario_errors(document: Document, scenario: Scenario) -> Iterator[UsageError]:
    """Yield what is wrong with a scenario whose fields are right, each by itself."""
    if scenario.name in RESERVED_NAMES:
        held = f"reports/{scenario.name} holds {RESERVED_NAMES[scenario.name]}"
        yield document.error(f"{scenario.name!r} cannot name a scenario: {held}", ("name",))
    end = sum(scenario.phases.values())
    expected = scenario.load.rate * end / 10**9
    if expected > ARRIVALS_MAX / 2:
        problem = f"about {expected:.0f} requests; at most {ARRIVALS_MAX // 2} are possible"
        yield document.error(problem, ("load", "rate"), hint="lower the rate, or shorten the phases")
    for number, fault in enumerate(scenario.faults):
        late = 0 if fault.at is None else fault.at + (fault.for_ or 0) - end
        if late > 0:
            problem = f"the fault ends {late / 10**9:g} s after the last phase"
            yield document.error(problem, ("faults", number, "at"), hint="shorten `for`, or lengthen the last phase")
        if fault.share == 0:
            yield document.error("a fault with a share of 0% never fires", ("faults", number, "share"))
        yield from _stream_errors(document, scenario, number)
    yield from _expectations_that_cannot_hold(document, scenario)


def _stream_errors(document: Document, scenario: Scenario, number: int) -> Iterator[UsageError]:
    """Yield a fault that could never fire because nobody streams, or everybody does."""
    fault, streams = scenario.faults[number], scenario.load.streaming
    kind, named = fault.inject.fault_kind, "fault" if fault.inject.stream is None else "stream"
    if kind.streams_only and streams == 0:
        problem = f"{kind.written[0]!r} never fires: it needs streams, and no request streams"
        yield document.error(problem, ("faults", number, "inject", named), hint="load: {streaming: 100%}")
    elif kind.streams_only and fault.streaming is False:
        problem = f"{kind.written[0]!r} never fires: it needs streams, and this fault leaves them out"
        yield document.error(problem, ("faults", number, "streaming"), hint="write `streaming: true`, or leave it out")
    elif fault.streaming is not None and streams == (0 if fault.streaming else 1):
        problem = f"never fires: {'no' if fault.streaming else 'every'} request streams"
        hint = f"load: {{streaming: {'100%' if fault.streaming else '0%'}}}"
        yield document.error(problem, ("faults", number, "streaming"), hint=hint)


def _expectations_that_cannot_hold(document: Document, scenario: Scenario) -> Iterator[UsageError]:
    limits = []
    for number, text in enumerate(scenario.expect):
        try:
            limits.append((number, expect.parse(text, scenario.phases)))
        except PydanticCustomError:  # told already, by its words
            continue
    limits = [(number, each) for number, each in limits if each.metric is not None]
    possible = []
    for number, each in limits:
        if can_hold(each):
            possible.append((number, each))
        else:
            yield document.error(f"can never hold: {_range(each)}", ("expect", number))
    for (first, one), (second, other) in combinations(possible, 2):
        alike = (one.metric, one.quantile, one.phase) == (other.metric, other.quantile, other.phase)
        if alike and not can_hold(one, other):
            line = document.lines.get(("expect", first), 1)
            yield document.error(f"contradicts {one.text!r} in line {line}: both can never hold", ("expect", second))


def can_hold(*limits: Expectation) -> bool:
    """Return whether a value of the metric is within all limits: one of the limits, or between or beyond them."""
    low, high = _bounds(limits[0])
    ends = sorted({low, high, *(each.target or 0.0 for each in limits)})
    candidates = [
        *ends,
        *((one + other) / 2 for one, other in pairwise(ends) if other < float("inf")),
    ]
    candidates += [ends[-2] + 1.0] if high == float("inf") and len(ends) > 1 else []
    return any(
        low <= value <= high and all(_HOLDS[each.op or ">="](value, each.target or 0.0) for each in limits)
        for value in candidates
    )


def _bounds(limit: Expectation) -> tuple[float, float]:
    return 0.0, 1.0 if METRICS[limit.metric or ""].unit == "share" else float("inf")


def _range(limit: Expectation) -> str:
    return f"{limit.metric} is {'from 0% to 100%' if _bounds(limit)[1] == 1.0 else 'never below 0'}"


def _mapping(data: Any, key: str) -> dict[str, Any]:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _list(data: Any, key: str) -> list[Any]:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, list) else []
