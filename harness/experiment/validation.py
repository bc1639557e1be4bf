"""Validate files without running anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness import chain as chains
from harness.chain import Chain
from harness.chain.advice import Advice
from harness.chain.advice import advice as of_chain
from harness.chain.driver import driver_of
from harness.chain.home import AT_HOME, ChainHome
from harness.chain.loading import chain_document, configuration_document
from harness.chain.schedule import Schedule
from harness.document import Document
from harness.drivers.interpreter import examined
from harness.drivers.litellm_asked import as_read
from harness.errors import HarnessError, UsageError, each_error
from harness.experiment.files import FileKind, files_in, known_kind
from harness.experiment.prepare import load
from harness.judge.advice import advice, ambiguous_targets
from harness.quantities import exact, plural
from harness.scenario.schema import DEADLINE_NS
from harness.scenario.shipped import existing


class Warned(NamedTuple):
    """A warning.

    Attributes:
        where: The file that it is about, or file, line and field.
        text: Its text.
        advice: What it is about, and the shipped scenario that shows it; None for what the test leaves out or does not find.
    """

    where: str
    text: str
    advice: Advice | None = None

    @property
    def same_as(self) -> tuple[str, str]:
        """What it shares with warnings that need not be shown beside it: scenarios with other deadlines on one chain."""
        late = self.advice is not None and self.advice.id.endswith("_over_deadline")
        return self.where, self.advice.id if late and self.advice is not None else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """One file.

    Attributes:
        path: As the user named it; a shipped one where it is.
        summary: What it holds; empty if it is wrong.
        warnings: What is valid, but perhaps not meant.
        schedules: What a request does that fails alike at every provider; for a chain alone.
        error: What is wrong; None if nothing.
    """

    path: Path
    summary: str = ""
    warnings: tuple[Warned, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    error: HarnessError | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "file": str(self.path.absolute()),
            "ok": self.error is None,
            "summary": self.summary,
            "warnings": [warned.text for warned in self.warnings],
            "advice": [
                {"id": advice.id, "where": warned.where, "text": advice.text, "shown_by": advice.shown_by}
                for warned in self.warnings
                if (advice := warned.advice) is not None
            ],
            "schedules": [schedule.as_json() for schedule in self.schedules],
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
        if known_kind(document) is FileKind.CHAIN:
            found = as_read(path, home.of(chains.load(path, model=home.model)))
            summary = f"chain {found.name}: {found.drawn} ({found.driver})"
            schedules = driver_of(found).schedules(found)
            warnings = chain_warnings(found, _defining(path), schedules, DEADLINE_NS)
            return CheckedFile(path=path, summary=summary, warnings=warnings, schedules=schedules)
        loaded = load(path, chain=chain, home=home)
        advised = [*advice(loaded.plan), *ambiguous_targets(loaded.scenario, loaded.chain)]
        warnings = tuple(Warned(document.where(each.place), each.text, each) for each in advised)
        schedules = driver_of(loaded.chain).schedules(loaded.chain)
        defined = _defining(loaded.chain_path)
        warnings += chain_warnings(loaded.chain, defined, schedules, loaded.plan.load.deadline)
    except HarnessError as error:
        return CheckedFile(path=path, error=error)
    plan = loaded.plan
    summary = (
        f"scenario {plan.name}: {plural(len(plan.arrivals), 'request')} in {exact(plan.end_ns, 'ns')}, "
        f"{plural(len(plan.timeline.windows), 'fault window')}, {plural(len(plan.expectations), 'expectation')}, "
        f"chain {plan.chain.name}"
    )
    return CheckedFile(path=path, summary=summary, warnings=warnings)


def _defining(path: Path) -> Document:
    return configuration_document(Path(os.path.normpath(path)))


def chain_warnings(
    chain: Chain, document: Document, schedules: Sequence[Schedule], deadline_ns: int
) -> tuple[Warned, ...]:
    """Return what is valid in a chain, but perhaps not meant.

    Args:
        chain: As its host reads it.
        document: The file that defines what it does.
        schedules: See `harness.chain.schedule`.
        deadline_ns: After which its callers leave, in nanoseconds.
    """
    examined(chain)
    driver = driver_of(chain)
    place = ("order",) if chain.litellm is None else ("model_list",)
    advised = [
        *of_chain(chain, schedules, deadline_ns=deadline_ns, place=place),
        *driver.advice(chain, tuple(schedules)),
    ]
    return (
        *(
            Warned(str(document.path), text, Advice("ignored", (), text, None) if text in chain.notes else None)
            for text in driver.warnings(chain, os.environ)
        ),
        *(Warned(document.where(each.place), _with_scenario(each), each) for each in dict.fromkeys(advised)),
    )


def _with_scenario(advice: Advice) -> str:
    return advice.text if advice.shown_by is None else f"{advice.text} (shown by {advice.shown_by})"
