"""Validate files without running anything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness import chain as chains
from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.chain.home import AT_HOME, ChainHome
from harness.chain.loading import chain_document
from harness.drivers.interpreter import examined
from harness.drivers.litellm_asked import as_read
from harness.errors import HarnessError, UsageError, each_error
from harness.experiment.files import FileKind, files_in, kind_of
from harness.experiment.prepare import load
from harness.judge.advice import advice, ambiguous_targets
from harness.quantities import exact, plural
from harness.scenario.shipped import existing


class Warned(NamedTuple):
    """A warning.

    Attributes:
        where: The file that it is about, or file, line and field.
        text: Its text.
    """

    where: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """One file.

    Attributes:
        path: As the user named it; a shipped one where it is.
        summary: What it holds; empty if it is wrong.
        warnings: What is valid, but perhaps not meant.
        error: What is wrong; None if nothing.
    """

    path: Path
    summary: str = ""
    warnings: tuple[Warned, ...] = ()
    error: HarnessError | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "file": str(self.path.absolute()),
            "ok": self.error is None,
            "summary": self.summary,
            "warnings": [warned.text for warned in self.warnings],
            "error": None if self.error is None else self.error.as_json(),
            "errors": [] if self.error is None else [error.as_json() for error in each_error(self.error)],
        }


def check(path: Path, *, chain: Path | None = None, home: ChainHome = AT_HOME) -> list[CheckedFile]:
    """Return what is in a scenario, a chain file or a LiteLLM configuration, or what is wrong with it.

    Args:
        path: The file; a folder for all such files in it; or the name of shipped scenarios.
        chain: In place of the scenario's.
        home: Where the chain is to run, in place of what its file names.
    """
    try:
        path = existing(path)
    except UsageError as error:
        return [CheckedFile(path=path, error=error)]
    if not path.is_dir():
        return [_checked(path, chain, home)]
    files, wrong = files_in(path, set(FileKind))
    checked = [
        *(_checked(file, chain, home) for file in files),
        *(CheckedFile(path=p, error=e) for p, e in wrong.items()),
    ]
    empty = UsageError("no scenario and no chain in this folder", where=str(path))
    return sorted(checked, key=lambda each: each.path) or [CheckedFile(path=path, error=empty)]


def _checked(path: Path, chain: Path | None, home: ChainHome) -> CheckedFile:
    try:
        document = chain_document(path)
        if kind_of(document.data) is FileKind.CHAIN:
            found = as_read(path, home.of(chains.load(path, model=home.model)))
            summary = f"chain {found.name}: {found.drawn} ({found.driver})"
            return CheckedFile(path=path, summary=summary, warnings=_of_chain(found, path))
        loaded = load(path, chain=chain, home=home)
        advised = [*advice(loaded.plan), *ambiguous_targets(loaded.scenario, loaded.chain)]
        warnings = tuple(Warned(document.where(place), text) for place, text in advised)
        warnings += _of_chain(loaded.chain, loaded.chain_path)
    except HarnessError as error:
        return CheckedFile(path=path, error=error)
    plan = loaded.plan
    summary = (
        f"scenario {plan.name}: {plural(len(plan.arrivals), 'request')} in {exact(plan.end_ns, 'ns')}, "
        f"{plural(len(plan.timeline.windows), 'fault window')}, {plural(len(plan.expectations), 'expectation')}, "
        f"chain {plan.chain.name}"
    )
    return CheckedFile(path=path, summary=summary, warnings=warnings)


def _of_chain(chain: Chain, path: Path) -> tuple[Warned, ...]:
    examined(chain)
    where = str(chains.configuration_path(path))
    return tuple(Warned(where, text) for text in driver_of(chain).warnings(chain, os.environ))
