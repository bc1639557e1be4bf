"""Validate files without running anything."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from harness import chain as chains
from harness.chain import Chain
from harness.chain.advice import Advice
from harness.chain.advice import advice as of_chain
from harness.chain.driver import driver_of
from harness.chain.home import AT_HOME, ChainHome
from harness.chain.litellm_fallbacks import place_of
from harness.chain.litellm_reading import unreached
from harness.chain.loading import chain_document, configuration_document
from harness.chain.schedule import Schedule, drawn
from harness.document import Document, Place
from harness.drivers.interpreter import examined
from harness.drivers.litellm_asked import for_each_model, version
from harness.errors import HarnessError, Unfit, UsageError, each_error
from harness.experiment.files import FileKind, files_in, known_kind
from harness.experiment.prepare import load
from harness.judge.advice import advice, ambiguous_targets
from harness.quantities import exact, listed, plural
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


_NAMED_MAX = 3


class CheckedModel(NamedTuple):
    """What callers can ask a chain for, and what it does then.

    Attributes:
        chain: As its host reads it.
        schedules: What a request does that fails alike at every provider.
    """

    chain: Chain
    schedules: tuple[Schedule, ...]

    @property
    def drawn(self) -> str:
        """Its order, of many peers the first ones."""
        return " → ".join(drawn(level) for level in self.chain.levels)

    def alike(self, text: str) -> str:
        """Return a text without the names of the model and its providers, by which it may differ from another's."""
        tokens = {self.chain.entry_model: "<model>"}
        tokens |= {name: f"<{place}>" for place, name in enumerate(self.chain.names)}
        words = "|".join(re.escape(name) for name in sorted(tokens, key=len, reverse=True))
        return re.sub(rf"(?<![\w-])(?:{words})(?![\w-])", lambda found: tokens[found[0]], text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """One file.

    Attributes:
        path: As the user named it; a shipped one where it is.
        summary: What it holds; empty if it is wrong.
        warnings: What is valid, but perhaps not meant.
        of_chain: Whether it is a chain's; else a scenario's.
        models: What callers can ask the chain for; of a scenario its own model alone.
        error: What is wrong; None if nothing.
    """

    path: Path
    summary: str = ""
    warnings: tuple[Warned, ...] = ()
    of_chain: bool = False
    models: tuple[CheckedModel, ...] = ()
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
            "schedules": [
                {"model": model.chain.entry_model, **schedule.as_json()}
                for model in self.models
                for schedule in model.schedules
            ],
            "error": None if self.error is None else self.error.as_json(),
            "errors": [] if self.error is None else [error.as_json() for error in each_error(self.error)],
        }

    def lines(self) -> Iterator[str]:
        """Yield what its chain does when its providers fail; models for which that is alike but for their names are shown once."""
        alike: dict[tuple[str, ...], list[CheckedModel]] = {}
        for model in self.models:
            texts = [line for schedule in model.schedules for line in schedule.lines()]
            alike.setdefault(tuple(map(model.alike, [model.drawn, *texts])), []).append(model)
        for first, *others in alike.values():
            indent = ""
            if len(self.models) > 1:
                name = first.chain.entry_model
                likewise = f"; likewise {_some(others)}" if others else ""
                yield f"{name}{'' if first.drawn == name else f': {first.drawn}'}{likewise}"
                indent = "    "
            for schedule in first.schedules:
                begin, *more = schedule.lines()
                yield f"{indent}{begin}"
                yield from (f"{indent}    {line}" for line in more)


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
    if chain is not None and any(each.error is None and not each.of_chain for each in checked):
        checked = [_left_out(each) for each in checked]
    empty = UsageError("no scenario and no chain in this folder", where=str(path))
    return sorted(checked, key=lambda each: each.path) or [CheckedFile(path=path, error=empty)]


def _left_out(file: CheckedFile) -> CheckedFile:
    """Return a scenario that does not fit the chain as valid: a suite on that chain leaves it out, and runs the others."""
    if file.error is None or not all(isinstance(error, Unfit) for error in each_error(file.error)):
        return file
    reason = next(iter(each_error(file.error))).problem
    return CheckedFile(path=file.path, summary=f"left out on this chain: {reason}")


def _checked(path: Path, chain: Path | None, home: ChainHome) -> CheckedFile:
    try:
        document = chain_document(path)
        if known_kind(document) is FileKind.CHAIN:
            return _checked_chain(path, home)
        loaded = load(path, chain=chain, home=home)
        advised = [*advice(loaded.plan), *ambiguous_targets(loaded.scenario, loaded.chain)]
        warnings = tuple(Warned(document.where(each.place), each.text, each) for each in advised)
        model = CheckedModel(loaded.chain, driver_of(loaded.chain).schedules(loaded.chain))
        defined = _defining(loaded.chain_path)
        warnings += chain_warnings(model.chain, defined, model.schedules, loaded.plan.load.deadline)
    except HarnessError as error:
        return CheckedFile(path=path, error=error)
    plan = loaded.plan
    summary = (
        f"scenario {plan.name}: {plural(len(plan.arrivals), 'request')} in {exact(plan.end_ns, 'ns')}, "
        f"{plural(len(plan.timeline.windows), 'fault window')}, {plural(len(plan.expectations), 'expectation')}, "
        f"chain {plan.chain.name}"
    )
    return CheckedFile(path=path, summary=summary, warnings=warnings, models=(model,))


def _checked_chain(path: Path, home: ChainHome) -> CheckedFile:
    loaded = home.of(chains.load(path, model=home.model))
    found, lacking = for_each_model(path, loaded, only=home.model is not None)
    models = tuple(CheckedModel(each, driver_of(each).schedules(each)) for each in found)
    first = found[0]
    host = ", ".join([first.driver, *(f"LiteLLM {number}" for number in [version(first)] if number)])
    what = models[0].drawn if len(models) == 1 else f"{len(models)} models that callers can ask for"
    document = _defining(path)
    warnings = _warnings(models, document, DEADLINE_NS)
    warnings += tuple(Warned(str(document.path), text) for text in lacking)
    summary = f"chain {first.name}: {what} ({host})"
    return CheckedFile(path=path, summary=summary, warnings=warnings, of_chain=True, models=models)


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
    return _warnings((CheckedModel(chain, tuple(schedules)),), document, deadline_ns)


def _warnings(models: Sequence[CheckedModel], document: Document, deadline_ns: int) -> tuple[Warned, ...]:
    whole = _whole(models)
    examined(whole)
    seen: set[Advice] = set()
    found: dict[tuple[str, Place, str], list[tuple[CheckedModel, Advice]]] = {}
    for model in models:
        place = ("order",) if model.chain.litellm is None else place_of(model.chain.litellm, model.chain.entry_model)
        advised = [
            *of_chain(model.chain, model.schedules, deadline_ns=deadline_ns, place=place),
            *driver_of(model.chain).advice(model.chain, model.schedules),
        ]
        for each in advised:
            if each not in seen:
                seen.add(each)
                written = () if each.place == place else each.place
                found.setdefault((each.id, written, model.alike(each.text)), []).append((model, each))
    return (
        *(_merged(several, document) for several in found.values()),
        *(_noted(text, whole, document) for text in driver_of(whole).warnings(whole, os.environ)),
        *(Warned(document.where(("providers", name, "enabled")), "left out") for name in _disabled(whole)),
    )


def _disabled(chain: Chain) -> tuple[str, ...]:
    """Return the providers that a chain file leaves out; a LiteLLM configuration's are among its warnings."""
    return () if chain.litellm is not None else tuple(name for names in chain.left_out.values() for name in names)


def _merged(several: Sequence[tuple[CheckedModel, Advice]], document: Document) -> Warned:
    """Return advice that is the same for several models, but for their names."""
    (_, first), *others = several
    likewise = [model for model, each in others if each.text != first.text]
    advice = first._replace(text=f"{first.text}; likewise for {_some(likewise)}") if likewise else first
    return Warned(document.where(first.place), _with_scenario(advice), advice)


def _noted(text: str, chain: Chain, document: Document) -> Warned:
    """Return what the test leaves out, or a setting that LiteLLM ignores, with the setting's line."""
    if text not in chain.notes:
        return Warned(str(document.path), text)
    name, _, what = text.partition(": ")
    place = tuple(name.split(".", 1))
    if place not in document.lines:
        return Warned(str(document.path), text, Advice("ignored", (), text, None))
    return Warned(document.where(place), what, Advice("ignored", place, what, None))


def _whole(models: Sequence[CheckedModel]) -> Chain:
    """Return one chain with the providers of all models, and what no request for any of them reaches."""
    first, *others = (model.chain for model in models)
    if not others:
        return first
    providers = {name: provider for each in (first, *others) for name, provider in each.providers.items()}
    left_out: dict[str, dict[str, None]] = {}
    for each in (first, *others):
        for why, names in each.left_out.items():
            reason = "no request reaches" if why == unreached(each.entry_model) else why
            left_out.setdefault(reason, {}).update(dict.fromkeys(names))
    reached = {*providers, *(name for why, names in left_out.items() if " reaches" not in why for name in names)}
    kept = {
        why: tuple(name for name in names if name not in (reached if " reaches" in why else providers))
        for why, names in left_out.items()
    }
    return replace(
        first,
        providers=providers,
        left_out={why: names for why, names in kept.items() if names},
        notes=tuple(dict.fromkeys(note for each in (first, *others) for note in each.notes)),
    )


def _some(models: Sequence[CheckedModel]) -> str:
    names = [model.chain.entry_model for model in models]
    more = len(names) - _NAMED_MAX
    return listed(names if more < 2 else [*names[:_NAMED_MAX], f"{more} more"])


def _with_scenario(advice: Advice) -> str:
    return advice.text if advice.shown_by is None else f"{advice.text} (shown by {advice.shown_by})"
