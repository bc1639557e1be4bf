"""A scenario's file and its chain's, read and checked; `experiment.prepare` makes a plan of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness import chain as chains
from harness.chain import Chain
from harness.chain.targets import targets
from harness.document import Document, did_you_mean, validate
from harness.errors import HarnessError, tried
from harness.scenario.checks import scenario_errors, written_names, written_targets
from harness.scenario.leg_checks import leg_errors
from harness.scenario.mix_checks import header_errors, load_files, mix_errors, named_models
from harness.scenario.plan import NO_FILES, LoadFiles
from harness.scenario.schema import Scenario
from harness.scenario.shipped import located
from harness.scenario.trace import steps


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadScenario:
    """A scenario's file.

    Attributes:
        document: What is written.
        scenario: Its fields; None where one of them is wrong.
        files: What the files hold that its load names.
        errors: All that is wrong with it by itself, but for its expectations, which the judge reads.
    """

    document: Document
    scenario: Scenario | None
    files: LoadFiles
    errors: tuple[HarnessError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChain:
    """The chain of a scenario.

    Attributes:
        path: Its file; None where the scenario names none.
        chain: Its fields; None where something is wrong with it.
        errors: All that is wrong with it, or does not fit the scenario.
    """

    path: Path | None
    chain: Chain | None
    errors: tuple[HarnessError, ...]


def read_scenario(document: Document) -> ReadScenario:
    """Return a scenario's file and its mistakes."""
    errors: list[HarnessError] = []
    scenario = tried(errors, lambda: validate(document, Scenario))
    if isinstance(document.data, dict):
        errors += written_names(document)
    files = NO_FILES
    if scenario is not None:
        files = load_files(document, scenario.load, errors)
        if files.trace:
            scenario = replace(scenario, load=replace(scenario.load, shape=steps(files.trace)))
        errors += scenario_errors(document, scenario)
        errors += header_errors(document, scenario)
    return ReadScenario(document=document, scenario=scenario, files=files, errors=tuple(errors))


def read_chain(
    file: ReadScenario,
    override: Path | None = None,
    *,
    raw: bytes | None = None,
    model: str | None = None,
    finish: Callable[[Path, Chain], Chain] = lambda _path, chain: chain,
) -> ReadChain:
    """Return the chain of a scenario and its mistakes.

    Args:
        file: The scenario's file.
        override: In place of the chain that the scenario names.
        raw: What the chain's file is to hold; what it holds if None.
        model: What callers ask for, in place of the scenario's `model`.
        finish: Returns the chain as it runs where it is to run, given its path and what its file says.
    """
    document = file.document
    written = _model(document)
    model = model or written
    errors: list[HarnessError] = []
    if override is None and not isinstance(document.data, dict):  # which is a mistake of the scenario's file
        return ReadChain(path=None, chain=None, errors=())
    path = tried(errors, lambda: _chain_path(document, override))
    mix = () if file.scenario is None else file.scenario.load.mix
    named = named_models(mix)
    # Where each kind names its model, nobody asks for the chain's usual one.
    usual = model or (named[0] if named and all(part.model is not None for part in mix) else None)
    chain = tried(errors, lambda: _read(path, raw, usual, named, finish)) if path else None
    if chain is not None:
        errors += written_targets(document, chain, None if file.scenario is None else file.scenario.load)
        if file.scenario is not None:
            errors += mix_errors(document, file.scenario, chain)
            errors += leg_errors(document, file.scenario, chain, targets(chain))
        if written is not None and chain.litellm is None and not chain.chains:
            problem = "`model` goes with a LiteLLM configuration, or a chain file with `chains`"
            errors.append(document.error(problem, ("model",)))
    return ReadChain(path=path, chain=chain, errors=tuple(errors))


def _read(
    path: Path,
    raw: bytes | None,
    model: str | None,
    named: tuple[str, ...],
    finish: Callable[[Path, Chain], Chain],
) -> Chain:
    """Return a chain with all models that a mix names; of a chain file they are checked where its order is looked up."""
    chain = finish(path, chains.load(path, model=model, raw=raw))
    if chain.litellm is not None:
        for further in named:
            if further != chain.entry_model:
                chain = chain.joined(finish(path, chains.load(path, model=further, raw=raw)))
    return chain


def _model(document: Document) -> str | None:
    model = document.data.get("model") if isinstance(document.data, dict) else None
    return model if isinstance(model, str) else None


def _chain_path(document: Document, override: Path | None) -> Path:
    if override is not None:
        return located(override)
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
