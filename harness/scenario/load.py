"""Scenario files in; a checked scenario, its chain and its plan out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import chain as chains
from harness.chain import Chain
from harness.document import Document, did_you_mean, read, validate
from harness.errors import HarnessError, raise_errors, tried
from harness.scenario import expect
from harness.scenario.checks import scenario_errors, written_names, written_targets
from harness.scenario.plan import Plan, compile_plan
from harness.scenario.schema import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A scenario that fits its chain.

    Attributes:
        path: The scenario's file.
        chain_path: The chain's file.
        scenario: Its fields.
        chain: The chain with its secrets, for the chain's host alone.
        plan: What a run is to do; without secrets.
    """

    path: Path
    chain_path: Path
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
    mistakes: list[HarnessError] = []
    scenario = tried(mistakes, lambda: validate(document, Scenario))
    if not isinstance(document.data, dict):
        raise_errors(mistakes)
    mistakes += written_names(document)
    if scenario is not None:
        mistakes += scenario_errors(document, scenario)
    chain_path = tried(mistakes, lambda: _chain_path(document, chain))
    hosted = tried(mistakes, lambda: complete(chains.load(chain_path, model=_model(document)))) if chain_path else None
    if hosted is not None:
        mistakes += written_targets(document, hosted)
        if _model(document) is not None and hosted.litellm is None:
            mistakes.append(document.error("`model` goes with a LiteLLM configuration", ("model",)))
    raise_errors(mistakes)
    assert scenario is not None
    assert chain_path is not None
    assert hosted is not None
    expectations = tuple(expect.parse(text, scenario.phases) for text in scenario.expect)
    plan = compile_plan(scenario, hosted, expectations, seed=seed)
    return Loaded(path=path, chain_path=chain_path, scenario=scenario, chain=hosted, plan=plan)


def _model(document: Document) -> str | None:
    model = document.data.get("model") if isinstance(document.data, dict) else None
    return model if isinstance(model, str) else None


def _chain_path(document: Document, override: Path | None) -> Path:
    if override is not None:
        return override
    written = document.data.get("chain") if isinstance(document.data, dict) else None
    if not isinstance(written, str):
        raise document.error("missing", ("chain",), hint="name a chain file here, or give --chain FILE")
    path = document.path.parent / written
    try:
        found = path.is_file()
        near = sorted(each.name for each in path.parent.glob("*.y*ml")) if not found and path.parent.is_dir() else []
    except OSError:  # a name that is too long
        found, near = False, []
    if not found:
        problem, hint = f"no such chain file: {written[:200]!r}", did_you_mean(path.name, near)
        raise document.error(problem, ("chain",), known=", ".join(near) or None, hint=hint)
    return path
