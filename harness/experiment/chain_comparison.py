"""Compare two chains, or one chain in two versions of LiteLLM, and keep what differs as a page with scenario files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.engines import CountedProgress
from harness.experiment.chain_differences import ChainDifferences, ChainSide, ShownAgain
from harness.experiment.index import update_index
from harness.experiment.prepare import opened
from harness.experiment.sim_run import mocked
from harness.report.chain_comparison import BehaviourChange, ComparedChains, html
from harness.scenario.shipped import named
from harness.sim.search.describe import faults_of
from harness.sim.search.to_yaml import to_yaml
from harness.store import ComparisonFolder

__all__ = ["ChainSide", "compare_chains"]

SCENARIOS = (Path("smoke"), Path("catalogue"))
SEARCH_S = 90.0
"""How long timelines are tried, in seconds."""


def compare_chains(
    before: ChainSide,
    after: ChainSide,
    *,
    reports: Path,
    progress: CountedProgress,
    command: str = "",
    scenarios: Sequence[Path] | None = None,
    search_s: float | None = None,
    seed: int = 1,
) -> ComparedChains:
    """Return what differs between two chains, and keep it as a page with a scenario for each difference.

    Args:
        before: The first.
        after: The second.
        reports: Folder of all runs.
        progress: Told how far it is.
        command: The command line that repeats this comparison.
        scenarios: Scenario files and folders that both run, or names of shipped ones; all shipped ones if None.
        search_s: How long to try timelines of faults, in seconds; a minute and a half if None.
        seed: Fixes the order in which they are tried.

    Raises:
        UsageError: A file is wrong, or only a live run can host one of the chains.
        HarnessError: An environment cannot be built, or the result cannot be written.
    """
    progress.phase("environments")
    sides = before, after
    old, new = (opened(side.path, side.home) for side in sides)
    for chain in (old, new):
        mocked(chain)
    differences = ChainDifferences(sides, (old, new), seed=seed)
    folder = ComparisonFolder.create(reports)
    with differences.engines():
        budget_s = SEARCH_S if search_s is None else search_s
        progress.phase("search", budget_s)
        differences.search(budget_s)
        progress.phase("smallest timelines")
        differences.confirm()
        progress.phase("scenarios")
        differences.run_scenarios(scenarios or SCENARIOS, progress.count)
        progress.phase("smallest timelines")
        differences.confirm()
    changes = tuple(_change(each, number, folder, sides) for number, each in enumerate(differences.confirmed(), 1))
    compared = ComparedChains(
        page=folder.page,
        before=before.name,
        after=after.name,
        chain=new.name,
        command=command,
        changes=changes,
        scenarios=differences.compared,
        timelines=differences.tried,
        unconfirmed=differences.unconfirmed,
        not_compared=tuple(differences.not_compared),
    )
    folder.write_scenarios({change.smallest: change.yaml for change in changes if change.yaml})
    folder.write(compared.as_json(), html(compared))
    update_index(reports, progress.say)
    return compared


def _change(
    found: ShownAgain, number: int, folder: ComparisonFolder, sides: tuple[ChainSide, ChainSide]
) -> BehaviourChange:
    """Return a difference as it is reported."""
    scenarios = tuple(named(file) for file in found.places.scenarios)
    if found.timeline is None or found.scenario is None:
        assert found.file is not None
        return BehaviourChange(
            effects=found.effects,
            causes=(f"in {named(found.file)}",),
            scenarios=tuple(name for name in scenarios if name != named(found.file)),
            smallest=found.file,
            yaml="",
        )
    file = folder.scenario(number)
    causes = tuple(dict.fromkeys(map(faults_of, (found.timeline, *found.places.timelines))))
    change = BehaviourChange(effects=found.effects, causes=causes, scenarios=scenarios, smallest=file, yaml="")
    text = to_yaml(
        found.scenario,
        chain=Path(os.path.relpath(sides[0].path.resolve(), folder.path)).as_posix(),
        name=file.stem,
        title=change.cause,
        comments=[f"Found by `harness compare`. {sides[0].name} and {sides[1].name} differ in it. {change.sentence}."],
        commands=[_command(file, side, other=place > 0) for place, side in enumerate(sides)],
    )
    return replace(change, yaml=text)


def _command(file: Path, side: ChainSide, *, other: bool) -> str:
    chain = ["--chain", str(side.path)] if other else []
    return shlex.join(["harness", "run", str(file), "--engine", "sim", *chain, *side.home.words])
