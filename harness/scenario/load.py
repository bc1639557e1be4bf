"""Scenario files in; a checked scenario, its chain and its plan out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import PydanticCustomError

from harness import chain as chains
from harness.chain import Chain
from harness.document import Document, did_you_mean, read, validate
from harness.errors import UsageError
from harness.history.records import WARMUP
from harness.provider.inject import STREAMS_ONLY
from harness.scenario import expect
from harness.scenario.expect import Expectation
from harness.scenario.names import RESERVED_NAMES
from harness.scenario.plan import ARRIVALS_MAX, Plan, compile_plan
from harness.scenario.schema import Scenario

RESERVED = {WARMUP: "the calls before the run", "run": "the whole run"}
"""Phases of every run that no scenario names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A scenario that fits its chain.

    Attributes:
        path: The scenario's file.
        scenario: Its fields.
        chain: The chain with its secrets, for the chain's host alone.
        plan: What a run is to do; without secrets.
    """

    path: Path
    scenario: Scenario
    chain: Chain
    plan: Plan


def load(
    path: Path,
    *,
    chain: Path | None = None,
    seed: int | None = None,
    complete: Callable[[Chain], Chain] = lambda chain: chain,
) -> Loaded:
    """Return a scenario with its chain and plan.

    Args:
        path: The scenario file.
        chain: In place of the chain that the scenario names.
        seed: In place of the scenario's seed.
        complete: Fills in what the chain file leaves open, such as prices, before the plan is made.

    Raises:
        UsageError: Naming file, line and field, what was found, what is known, and a hint.
    """
    document = read(path)
    scenario = validate(document, Scenario)
    expectations = _check(document, scenario)
    hosted = complete(chains.load(_chain_path(document, scenario, chain), model=scenario.model))
    _check_chain(document, scenario, hosted)
    plan = compile_plan(scenario, hosted, expectations, seed=seed)
    return Loaded(path=path, scenario=scenario, chain=hosted, plan=plan)


def _chain_path(document: Document, scenario: Scenario, override: Path | None) -> Path:
    if override is not None:
        return override
    if scenario.chain is None:
        raise document.error("missing", ("chain",), hint="name a chain file here, or give --chain FILE")
    path = document.path.parent / scenario.chain
    if not path.is_file():
        problem = f"no such chain file: {scenario.chain!r}"
        near = [known.name for known in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        known = ", ".join(sorted(near)) or None
        raise document.error(problem, ("chain",), known=known, hint=did_you_mean(path.name, near))
    return path


def _check(document: Document, scenario: Scenario) -> tuple[Expectation, ...]:
    if scenario.name in RESERVED_NAMES:
        problem = (
            f"{scenario.name!r} cannot name a scenario: reports/{scenario.name} holds {RESERVED_NAMES[scenario.name]}"
        )
        raise document.error(problem, ("name",))
    end = sum(scenario.phases.values())
    expected = scenario.load.rate * end / 10**9
    if expected > ARRIVALS_MAX / 2:
        problem = f"about {expected:.0f} arrivals: more than {ARRIVALS_MAX // 2}"
        raise document.error(problem, ("load", "rate"), hint="a lower rate, or shorter phases")
    for name in scenario.phases:
        if not name.replace("_", "").replace("-", "").isalnum() or len(name) > 60:
            problem = f"not a phase's name: {name[:60]!r}"
            raise document.error(problem, ("phases", name), hint="letters, digits, - and _")
        if name in RESERVED:
            problem = f"{name!r} cannot name a phase: it means {RESERVED[name]}"
            raise document.error(problem, ("phases", name))
    for place, fault in enumerate(scenario.faults):
        if fault.during is not None and fault.during not in scenario.phases:
            problem = f"unknown phase {fault.during!r}"
            hint = did_you_mean(fault.during, scenario.phases)
            raise document.error(problem, ("faults", place, "during"), known=", ".join(scenario.phases), hint=hint)
        if fault.at is not None and fault.at + (fault.for_ or 0) > end:
            problem = f"the fault ends {(fault.at + (fault.for_ or 0) - end) / 10**9:g} s after the last phase"
            raise document.error(problem, ("faults", place, "at"), hint="a shorter `for`, or a longer last phase")
        _check_streams(document, scenario, place)
    return tuple(_expectation(document, scenario, place) for place in range(len(scenario.expect)))


def _check_streams(document: Document, scenario: Scenario, place: int) -> None:
    """Refuse a fault that could never fire because nobody streams, or everybody does."""
    fault, streams = scenario.faults[place], scenario.load.streaming
    kind = fault.inject.stream
    if kind in STREAMS_ONLY and streams == 0:
        problem = f"{kind!r} never fires: it needs streams, and no request streams"
        raise document.error(problem, ("faults", place, "inject", "stream"), hint="load: {streaming: 100%}")
    if kind in STREAMS_ONLY and fault.streaming is False:
        problem = f"{kind!r} never fires: it needs streams, and they are left out"
        raise document.error(problem, ("faults", place, "streaming"), hint="streaming: true, or nothing")
    if fault.streaming is not None and streams == (0 if fault.streaming else 1):
        problem = f"never fires: {'no' if fault.streaming else 'every'} request streams"
        hint = f"load: {{streaming: {'100%' if fault.streaming else '0%'}}}"
        raise document.error(problem, ("faults", place, "streaming"), hint=hint)


def _expectation(document: Document, scenario: Scenario, place: int) -> Expectation:
    try:
        return expect.parse(scenario.expect[place], scenario.phases)
    except PydanticCustomError as error:
        context = error.context or {}
        raise document.error(
            error.message(), ("expect", place), known=context.get("known"), hint=context.get("hint")
        ) from None


def _check_chain(document: Document, scenario: Scenario, chain: Chain) -> None:
    known = chain.names
    roles = chain.roles
    for place, fault in enumerate(scenario.faults):
        if fault.on in chain.providers:
            continue
        if fault.on not in roles:
            problem = f"unknown provider {fault.on!r}"
            hint = did_you_mean(fault.on, [*known, *roles])
            every = ", ".join([*known, *roles])
            raise document.error(problem, ("faults", place, "on"), known=every, hint=hint)
        if not roles[fault.on]:
            problem = f"the chain has no {fault.on}"
            raise document.error(problem, ("faults", place, "on"), known=", ".join(known))
    if scenario.model is not None and chain.litellm is None:
        raise document.error("`model` goes with a LiteLLM configuration", ("model",))


__all__ = ["Loaded", "UsageError", "load"]
