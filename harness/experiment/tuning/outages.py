"""What a chain is tuned on: incidents that are played together, or scenarios; each as ways in which a run can play it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from harness.chain import Chain
from harness.chain.home import AT_HOME, ChainHome
from harness.chain.loading import chain_document
from harness.errors import HarnessError, UsageError, raise_errors
from harness.experiment.files import FileKind, kind_of, scenario_files
from harness.experiment.prepare import load
from harness.experiment.replays.choosing import choose
from harness.experiment.replays.staging import as_played, cut_for, together, why_missed
from harness.incident.cutting import PlayedPart
from harness.incident.schema import Incident
from harness.incident.variants import Variant, hits, variants
from harness.scenario import Scenario, compile_plan
from harness.scenario.schema import Load
from harness.scenario.shipped import located


class TunedOutage(Protocol):
    """Something that goes wrong, to be played on a chain."""

    @property
    def began(self) -> str:
        """When, as text that sorts by time; empty if at no known time."""

    def variants(self, chain: Chain, load: Load, sample_ns: int) -> Sequence[Variant]:
        """Return every way in which it may have been."""

    def played_on(self, chain: Chain) -> Chain:
        """Return a chain as it meets it."""

    def first_hit(self, chain: Chain) -> str:
        """Return the provider that it hits first."""

    def thinned(self, factor: float) -> TunedOutage:
        """Return it with so many times the requests, where it brings its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOutage:
    """Incidents that are played together.

    Attributes:
        incidents: By name, the earliest first.
    """

    incidents: Mapping[str, Incident]

    @property
    def began(self) -> str:
        """When the first one began."""
        return min(each.start for each in self.incidents.values()).isoformat()

    def variants(self, chain: Chain, load: Load, sample_ns: int) -> Sequence[Variant]:
        """Return every way in which they may have been."""
        name = next(iter(self.incidents))
        cut = cut_for(chain, load, sample_ns)
        return list(variants(name, self.incidents[name].title, hits(self.incidents, chain), load, cut))

    def played_on(self, chain: Chain) -> Chain:
        """Return a chain whose providers answer as fast as real ones."""
        return as_played(chain)

    def first_hit(self, chain: Chain) -> str:
        """Return the provider that they hit first."""
        return hits(self.incidents, chain)[0].providers[0]

    def thinned(self, factor: float) -> TunedOutage:
        """Return the same: the load comes with the question."""
        del factor
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioOutage:
    """A scenario, which has its own load and is played whole.

    Attributes:
        scenario: Its fields.
    """

    scenario: Scenario

    @property
    def began(self) -> str:
        """At no known time."""
        return ""

    def variants(self, chain: Chain, load: Load, sample_ns: int) -> Sequence[Variant]:
        """Return the one way in which it is, from its first fault's begin to its last one's end."""
        del load, sample_ns
        windows = compile_plan(self.scenario, chain, ()).timeline.windows
        begin, end = min(each.start_ns for each in windows), max(each.end_ns for each in windows)
        part = PlayedPart(
            real_start_ns=0, real_ns=end - begin, start_ns=begin, length_ns=end - begin, sample_ns=(begin, end)
        )
        return [Variant(share="high", inject=1, retry_after=False, scenario=self.scenario, parts=(part,))]

    def played_on(self, chain: Chain) -> Chain:
        """Return a chain as it is, as in `harness run`."""
        return chain

    def first_hit(self, chain: Chain) -> str:
        """Return the provider that it hits first."""
        return min(compile_plan(self.scenario, chain, ()).timeline.windows, key=lambda each: each.start_ns).provider

    def thinned(self, factor: float) -> TunedOutage:
        """Return it with so many times the requests."""
        if factor == 1:
            return self
        return ScenarioOutage(scenario=replace(self.scenario, load=self.scenario.load.times(factor)))


def outages(
    names: Sequence[str], chain: Chain, chain_file: Path, home: ChainHome = AT_HOME
) -> tuple[dict[str, TunedOutage], dict[str, str]]:
    """Return what is to be played on a chain, by name, and what cannot hit it, with the reason.

    Args:
        names: Of incidents, scenarios, or files and folders of them; all incidents that come with the package if empty.
        chain: The chain.
        chain_file: Its file.
        home: Where it runs, in place of what its file says.

    Raises:
        UsageError: There is no such thing, or a file is wrong.
    """
    scenarios = [Path(name) for name in names if _is_scenario(Path(name))]
    incidents = [name for name in names if Path(name) not in scenarios]
    found: dict[str, TunedOutage] = {}
    missed: dict[str, str] = {}
    for group in together(choose(incidents)) if incidents or not names else ():
        if hits(group, chain):
            found[next(iter(group))] = IncidentOutage(incidents=group)
        else:
            missed.update(dict.fromkeys(group, why_missed(group, chain)))
    errors: dict[str, HarnessError] = {}
    for path in scenario_files(scenarios, errors):
        scenario = _scenario(path, chain_file, home)
        if scenario.name in found:
            raise UsageError(f"two are called {scenario.name!r}", where=str(path), hint="rename one of them")
        found[scenario.name] = ScenarioOutage(scenario=scenario)
    raise_errors(list(errors.values()))
    return found, missed


def _is_scenario(path: Path) -> bool:
    """Return whether a name is that of a scenario, or of a folder."""
    at = located(path)
    if at.is_dir():
        return True
    return at.suffix in (".yaml", ".yml") and at.is_file() and kind_of(chain_document(at).data) is FileKind.SCENARIO


def _scenario(path: Path, chain_file: Path, home: ChainHome) -> Scenario:
    """Return a scenario that can be played on a chain.

    Raises:
        UsageError: It cannot.
    """
    loaded = load(path, chain=chain_file, home=home)
    if loaded.files.trace or any(loaded.files.prompts):
        raise UsageError("its load comes from files", where=str(path), hint="state a rate, and no prompts")
    if not loaded.plan.timeline.windows:
        raise UsageError("it injects no fault, so there is nothing to survive", where=str(path))
    return loaded.scenario
