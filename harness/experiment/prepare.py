"""From a scenario's path to what a run is to do: read the files, read what is expected, compile the plan.

Each step is a function of its own room; here they are joined. Nothing heavy is imported: `harness check` does no more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import chain as chains
from harness.chain import Chain
from harness.chain.home import AT_HOME, ChainHome
from harness.chain.redact import secrets
from harness.chain.scrub import scrub
from harness.document import Document, read
from harness.document.places import Place
from harness.drivers.built import settled
from harness.drivers.endpoint import given_headers
from harness.drivers.litellm_asked import as_read
from harness.drivers.litellm_prices import priced
from harness.errors import UsageError, raise_errors
from harness.judge.grammar import abort_errors, expectation_errors, parse, parse_abort
from harness.lazy import lazy
from harness.scenario import Expectation, Plan, Scenario, compile_plan
from harness.scenario.abort import Abort
from harness.scenario.load import read_chain, read_scenario
from harness.scenario.plan import LoadFiles
from harness.scenario.shipped import existing

if TYPE_CHECKING:
    from harness.drivers import host as hosts
else:
    hosts = lazy("harness.drivers.host")  # it brings the web server along


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A scenario that fits its chain.

    Attributes:
        path: The scenario's file.
        chain_path: The chain's file.
        scenario: Its fields.
        chain: The chain with its secrets, for the chain's host alone.
        plan: What a run is to do; without secrets.
        files: What the files hold that the load names.
    """

    path: Path
    chain_path: Path
    scenario: Scenario
    chain: Chain
    plan: Plan
    files: LoadFiles

    def seeded(self, seed: int) -> Loaded:
        """Return the same with the plan of another seed."""
        return replace(
            self,
            plan=compile_plan(
                self.scenario,
                self.chain,
                self.plan.expectations,
                seed=seed,
                files=self.files,
                abort=self.plan.abort,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """A scenario's file and its chain's, without a mistake."""

    path: Path
    chain_path: Path
    scenario: Scenario
    chain: Chain
    expectations: tuple[Expectation, ...]
    files: LoadFiles
    abort: Abort | None

    def compiled(self, seed: int | None) -> Loaded:
        plan = compile_plan(self.scenario, self.chain, self.expectations, seed=seed, files=self.files, abort=self.abort)
        return Loaded(
            path=self.path,
            chain_path=self.chain_path,
            scenario=self.scenario,
            chain=self.chain,
            plan=plan,
            files=self.files,
        )


def load(path: Path, *, chain: Path | None = None, seed: int | None = None, home: ChainHome = AT_HOME) -> Loaded:
    """Return a scenario with its chain and plan; prices are those that the chain states.

    Args:
        path: The scenario's file.
        chain: In place of the chain that the scenario names.
        seed: In place of the scenario's seed.
        home: Where the chain is to run, in place of what its file names.

    Raises:
        UsageError: Naming for each mistake file, line and field, what was found, what is known, and a hint.
    """
    return _read(read(path), chain, home, lambda found: found).compiled(seed)


def prepare(
    scenario: Path | Document,
    permission: Callable[[Chain], None],
    *,
    chain: Path | None = None,
    raw: bytes | None = None,
    seed: int | None = None,
    home: ChainHome = AT_HOME,
) -> Loaded:
    """Return a scenario that can be run, with its chain, prices and plan; the chain's environment is built if need be.

    Args:
        scenario: Its file, the name of a shipped one, or what such a file would hold.
        permission: Raises an error if the chain's real providers may not be called; see `Permission`.
        chain: In place of the scenario's.
        raw: What the chain's file is to hold; what it holds if None.
        seed: In place of the scenario's.
        home: Where the chain is to run, in place of what its file names.

    Raises:
        UsageError: A file is wrong, its driver cannot do what the chain asks for, a key is not set, or a real provider
            would be called without permission.
    """
    document = scenario if isinstance(scenario, Document) else _written(scenario)
    files = _read(document, chain, home, settled, raw)
    files = replace(files, chain=priced(files.chain))
    hosts.host(files.chain)
    for part in files.scenario.load.mix:
        given_headers(part.headers, os.environ)  # a tenant's key is made by the run
    permission(files.chain)
    return files.compiled(seed)


def _written(scenario: Path) -> Document:
    path = existing(scenario)
    if path.is_dir():
        raise UsageError("is a folder", where=str(scenario), hint=f"run all of its scenarios: harness suite {scenario}")
    return read(path)


def opened(path: Path, home: ChainHome) -> Chain:
    """Return the chain in a file, as it runs where it is to run; its environment is built if need be.

    Args:
        path: A chain file, or a LiteLLM configuration.
        home: Where it is to run, in place of what the file names.

    Raises:
        UsageError: The file is wrong, or what it names cannot be used.
        HarnessError: An environment could not be built.
    """
    return as_read(path, settled(home.of(chains.load(path, model=home.model))))


def _read(
    document: Document,
    override: Path | None,
    home: ChainHome,
    settle: Callable[[Chain], Chain],
    raw: bytes | None = None,
) -> _Files:
    file = read_scenario(document)
    found = read_chain(
        file, override, raw=raw, model=home.model, finish=lambda at, chain: as_read(at, settle(home.of(chain)))
    )
    load = None if file.scenario is None else file.scenario.load
    written = [*expectation_errors(file.document), *abort_errors(file.document, load)]
    raise_errors([*file.errors, *written, *found.errors])
    scenario = file.scenario
    assert scenario is not None
    assert found.path is not None
    assert found.chain is not None
    _refuse_secrets(file.document, scenario, secrets(found.chain, os.environ))
    return _Files(
        path=document.path,
        chain_path=found.path,
        scenario=scenario,
        chain=found.chain,
        expectations=tuple(parse(text, scenario.phases, scenario.load.kinds) for text in scenario.expect),
        files=file.files,
        abort=None if scenario.abort is None else parse_abort(scenario.abort, scenario.phases, scenario.load.kinds),
    )


def _refuse_secrets(document: Document, scenario: Scenario, hidden: frozenset[str]) -> None:
    written: list[tuple[Place, str | None]] = [(("load", "prompt"), scenario.load.prompt)]
    written += [(("load", "mix", number, "prompt"), part.prompt) for number, part in enumerate(scenario.load.mix)]
    for place, prompt in written:
        if prompt is not None and scrub(prompt, hidden) != prompt:
            raise document.error(
                "holds what is a secret or looks like one, and a run keeps its prompt",
                place,
                hint="leave keys, tokens and passwords out of it",
            )
