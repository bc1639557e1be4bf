"""What can be wrong with a scenario beyond the shape of its fields. Each check yields every mistake that it finds.

The checks of names read what is written, also where another field is wrong, so that one look at a file shows all mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydantic_core import PydanticCustomError

from harness.chain import Chain
from harness.chain.targets import lacks_role, roles_of_models, targets
from harness.document import Document, did_you_mean
from harness.errors import UsageError
from harness.history.records import WARMUP
from harness.provider.legs import LEGS
from harness.quantities import count, exact
from harness.scenario.arrivals import expected
from harness.scenario.names import RESERVED_NAMES
from harness.scenario.orders import meanings
from harness.scenario.plan import ARRIVALS_MAX
from harness.scenario.schema import KEPT_TEXTS_MAX, Load, Scenario

RESERVED = {WARMUP: "the calls before the run", "run": "the whole run"}
"""Phases of every run that no scenario names."""


def written_names(document: Document) -> Iterator[UsageError]:
    """Yield what is wrong with the names of phases, and with faults that name them."""
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


def written_targets(document: Document, chain: Chain, load: Load | None = None) -> Iterator[UsageError]:
    """Yield the names after `on` that the chain has no provider for, or several meanings.

    Args:
        document: The scenario's file.
        chain: The chain.
        load: What callers ask for; the chain's usual model if None.
    """
    known = targets(chain)
    with suppress(PydanticCustomError):  # a wrong model is a mistake of its own
        known = known if load is None else meanings(load, chain)
    listed = [name for name in known if len(chain.walks) > 1 or " of " not in name]
    for number, fault in enumerate(_list(document.data, "faults")):
        on = fault.get("on") if isinstance(fault, dict) else None
        for place, name in [(("faults", number, "on"), on)] if isinstance(on, str) else _places(on, number):
            if name in known or (load is not None and name in LEGS):
                continue
            of_models = [each for each in roles_of_models(chain) if each.startswith(f"{name} of ")]
            if load is not None and load.mix and of_models:
                problem = f"{name!r} of which model? The requests of the mix have different orders"
                yield document.error(problem, place, known=", ".join(of_models)[:500], hint=f"write {of_models[0]}")
                continue
            several, hint = ", ".join(listed)[:500], did_you_mean(name, listed)
            if lacks_role(chain, name):
                yield document.unfit(f"the chain has no {name}", place, known=several, hint=hint)
            else:
                yield document.error(f"unknown provider {name!r}", place, known=several, hint=hint)


def _places(on: Any, number: int) -> list[tuple[tuple[str | int, ...], str]]:
    listed = on if isinstance(on, list) else []
    return [(("faults", number, "on", place), name) for place, name in enumerate(listed) if isinstance(name, str)]


def scenario_errors(document: Document, scenario: Scenario) -> Iterator[UsageError]:
    """Yield what is wrong with a scenario whose fields are right, each by itself."""
    if scenario.name in RESERVED_NAMES:
        held = f"reports/{scenario.name} holds {RESERVED_NAMES[scenario.name]}"
        yield document.error(f"{scenario.name!r} cannot name a scenario: {held}", ("name",))
    end = sum(scenario.phases.values())
    requests = expected(scenario.load, end)
    if requests > ARRIVALS_MAX / 2:
        problem = f"about {count(requests)} requests; at most {count(ARRIVALS_MAX // 2)} are possible"
        yield document.error(
            problem, ("load", "shape" if scenario.load.shape else "rate"), hint="lower the rate, or shorten the phases"
        )
    if scenario.load.keep_text and requests > KEPT_TEXTS_MAX:
        problem = f"keeps the texts of at most {count(KEPT_TEXTS_MAX)} answers, and about {count(requests)} are to come"
        yield document.error(problem, ("load", "keep_text"), hint="leave it out, or lower the rate")
    if scenario.load.prompt is not None and "prompt_tokens" in _mapping(document.data, "load"):
        yield document.error("`prompt` and `prompt_tokens` do not go together", ("load", "prompt_tokens"))
    for number, fault in enumerate(scenario.faults):
        late = 0 if fault.at is None else fault.at + (fault.for_ or 0) - end
        if late > 0:
            problem = f"the fault ends {exact(late, 'ns')} after the last phase"
            yield document.error(problem, ("faults", number, "at"), hint="shorten `for`, or lengthen the last phase")
        if fault.share == 0:
            yield document.error("a fault with a share of 0% never fires", ("faults", number, "share"))
        yield from _stream_errors(document, scenario, number)


def _stream_errors(document: Document, scenario: Scenario, number: int) -> Iterator[UsageError]:
    """Yield a fault that could never fire because no request streams, or all do."""
    fault, streams = scenario.faults[number], scenario.load.streamed
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


def _mapping(data: Any, key: str) -> dict[str, Any]:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _list(data: Any, key: str) -> list[Any]:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, list) else []
