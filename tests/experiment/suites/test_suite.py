"""A suite from its first wave to its scorecard, with an engine and a judge that are played."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.engines import BudgetReached, Gate
from harness.errors import ExitCode, HarnessError, Unfit, UsageError
from harness.experiment.suites.cells import scorecard
from harness.experiment.suites.conductor import ByWave, Suite
from harness.experiment.suites.jobs import Job, jobs
from harness.experiment.suites.judge_process import Judged
from harness.experiment.suites.waves import pack
from harness.judge import Score, ScorecardNumbers
from harness.report.scorecard import LeftOut, Scorecard
from harness.store import RunFolder, SuiteFolder
from harness.store.format import FORMAT
from tests.experiment.files import chain, scenario

TALLY = ScorecardNumbers(requests=10, success=1.0, gave_up=0, attempts={"openai": 12, "azure": 2})
EXITS = {Score.PASS: 0, Score.INCONCLUSIVE: 3, Score.PARTIAL: 1, Score.SAFE: 1, Score.FAIL: 1}

WALL_S = 0.25


@dataclass
class World:
    """A played engine and a played judge, and what they saw."""

    folder: Path
    scores: dict[str, Score] = field(default_factory=dict)
    before: Callable[[Job], None] = lambda _job: None
    began: list[str] = field(default_factory=list)
    at_once: int = 0
    said: list[str] = field(default_factory=list)
    counted: list[tuple[int, int]] = field(default_factory=list)
    _going: int = 0

    async def engine(self, job: Job, folder: RunFolder, gate: Gate) -> HarnessError | None:
        """Get ready, wait for the others, take no time."""
        self.before(job)
        await gate()
        self.began.append(job.loaded.plan.name)
        self._going += 1
        self.at_once = max(self.at_once, self._going)
        await asyncio.sleep(0)
        self._going -= 1
        folder.write_environment({"wall_s": WALL_S})
        ends = {
            "dies": HarnessError("died", where="edge"),
            "costs": BudgetReached("7 calls of real providers", where="edge"),
            "unfit": Unfit("this chain cannot carry tools", where="load.mix"),
        }
        return ends.get(job.loaded.plan.name)

    @asynccontextmanager
    async def judges(self, _log: Path) -> AsyncIterator[World]:
        """Judge by the scenario's name."""
        yield self

    async def judge(self, folder: RunFolder, error: str, *, exit_code: ExitCode = ExitCode.HARNESS) -> Judged:
        """Give the score that the test asked for."""
        name = folder.plan().name
        if name == "unjudgeable":
            raise HarnessError("no", where="judge")
        score = Score.INCONCLUSIVE if error else self.scores.get(name, Score.PASS)
        return Judged(
            score=score, exit_code=exit_code if error else EXITS[score], reasons=(f"{name} did",), tally=TALLY
        )

    def phase(self, name: str, total_s: float | None = None) -> None:
        """Take what the suite reports."""

    def count(self, done: int, total: int) -> None:
        """Take what the suite reports."""
        self.counted.append((done, total))

    def say(self, text: str) -> None:
        """Take what the suite reports."""
        self.said.append(text)

    def suite(
        self,
        *names: str,
        resume: SuiteFolder | None = None,
        repeat: int = 1,
        most: int | None = None,
        chains: Sequence[Path] = (),
    ) -> Suite:
        """Return a suite of scenarios of these names."""
        paths = [path if (path := self.folder / f"{n}.yaml").exists() else scenario(self.folder, n) for n in names]
        todo = jobs(paths, repeat=repeat, chains=chains)
        folder = resume or SuiteFolder.create(self.folder / "reports")
        card = scorecard(folder, todo, left_out=(), command="harness suite", engine="live", resumed=resume is not None)
        return Suite(
            todo,
            card,
            folder,
            reports=self.folder / "reports",
            engine=self.engine,
            judges=self.judges,
            progress=self,
            waves=partial(pack, cores=2, most=most),
            shown=ByWave(self),
        )

    def run(self, *names: str, **options: Any) -> Scorecard:
        """Run scenarios of these names."""
        return asyncio.run(asyncio.wait_for(self.suite(*names, **options).run(), 20))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world without runs."""
    return World(tmp_path)


def kept(card: Scorecard) -> dict[str, Any]:
    """Return the suite's file."""
    return json.loads((Path(card.path) / "suite.json").read_text())


def test_a_suite_ends_in_a_scorecard(world: World) -> None:
    """Each cell with its score, its run and the command that repeats it; four files."""
    world.scores["two"] = Score.SAFE
    card = world.run("one", "two")
    told = kept(card)
    assert [(cell["scenario"], cell["status"], cell["score"]) for cell in told["cells"]] == [
        ("one", "pass", "pass"),
        ("two", "fail", "safe"),
    ]
    assert (told["format"], told["status"], told["suite"]) == (FORMAT, "fail", card.path)
    assert all((Path(cell["run"]) / "plan.json").is_file() for cell in told["cells"])
    assert told["cells"][1]["command"] == f"harness run {world.folder}/two.yaml --seed 1"
    names = {path.name for path in Path(card.path).iterdir()}
    assert names == {"suite.json", "scorecard.md", "scorecard.html", "junit.xml"}
    assert card.own_s == 20


@pytest.mark.parametrize(
    ("scores", "code"),
    [
        ((Score.PASS, Score.PASS), 0),
        ((Score.PASS, Score.INCONCLUSIVE), 3),
        ((Score.PARTIAL, Score.INCONCLUSIVE), 1),
        ((Score.SAFE, Score.PASS), 1),
        ((Score.FAIL, Score.INCONCLUSIVE), 1),
    ],
)
def test_the_exit_code_is_the_worst(world: World, scores: tuple[Score, Score], code: int) -> None:
    """Fail beats inconclusive beats pass."""
    world.scores = dict(zip(("one", "two"), scores, strict=True))
    assert world.run("one", "two").exit_code == code


def test_runs_of_a_wave_go_side_by_side(world: World) -> None:
    """All of them at once; of two waves the second begins after the first has ended."""
    world.run("one", "two", "three", "four")
    assert world.at_once == 4
    world.at_once = 0
    world.run("one", "two", "three", "four", most=2)
    assert world.at_once == 2


def test_one_cell_that_fails_stops_no_other(world: World) -> None:
    """A part that dies, a bug, a judge that gives up: exit 4, with a message, after everything else ran."""

    def blow_up(job: Job) -> None:
        if job.loaded.plan.name == "buggy":
            raise ZeroDivisionError("a bug")

    world.before = blow_up
    card = world.run("buggy", "dies", "unjudgeable", "fine")
    assert card.exit_code == 4
    cells = {cell.scenario: cell for cell in card.cells}
    assert cells["fine"].score is Score.PASS
    assert {name: cell.runs[0].error for name, cell in cells.items()} == {
        "buggy": "runner: ZeroDivisionError: a bug",
        "dies": "edge: died",
        "unjudgeable": "the run could not be judged: judge: no",
        "fine": "",
    }
    assert [cells[name].score for name in ("buggy", "dies", "unjudgeable")] == [Score.INCONCLUSIVE] * 3


def test_a_run_that_its_budget_ended_is_inconclusive(world: World) -> None:
    """As with `harness run`: nobody failed. It has cost its money, so going on does not spend it again."""
    card = world.run("costs", "fine")
    (run,) = card.cells[0].runs
    assert (card.exit_code, run.exit_code, run.score) == (3, 3, Score.INCONCLUSIVE)
    assert run.error == "edge: 7 calls of real providers"
    world.began.clear()
    world.run("costs", "fine", resume=SuiteFolder.open(Path(card.path)))
    assert world.began == []


def test_a_disk_that_is_full_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose folder cannot be made has no records; the scorecard gives the reason."""
    make = RunFolder.create

    def create(reports: Path, plan: Any) -> RunFolder:
        if plan.name == "one":
            raise OSError(28, "No space left on device")
        return make(reports, plan)

    monkeypatch.setattr(RunFolder, "create", create)
    card = world.run("one", "two")
    assert [(cell.scenario, cell.shown.run is None, cell.shown.error) for cell in card.cells] == [
        ("one", True, "runner: No space left on device"),
        ("two", False, ""),
    ]
    assert card.exit_code == 4


def test_repeats_are_runs_of_one_cell(world: World) -> None:
    """Each with the next seed; the cell's score is the worst of them."""
    card = world.run("one", repeat=3)
    (cell,) = card.cells
    assert [run.seed for run in cell.runs] == [1, 2, 3]
    assert cell.passed == 3


def test_what_turns_out_not_to_fit_its_chain_is_left_out(world: World) -> None:
    """Once that is hosted; it does not count. Where it is all there is, and on a scenario's own chain, it is an error."""
    given = chain(world.folder, "given")
    card = world.run("unfit", "one", chains=[given], repeat=2)
    assert [(cell.scenario, cell.score, cell.passed) for cell in card.cells] == [("one", Score.PASS, 2)]
    why = "this chain cannot carry tools"
    assert card.left_out == (LeftOut(scenario=str(world.folder / "unfit.yaml"), chain=str(given), why=why),)
    assert kept(card)["left_out"][0]["why"] == why
    assert (card.exit_code, [line for line in world.said if "error" in line]) == (0, [])
    for alone in (world.run("unfit", chains=[given]), world.run("unfit", "one")):
        assert (alone.cells[0].shown.error, alone.left_out) == (f"load.mix: {why}", ())
        assert alone.exit_code == ExitCode.HARNESS


def test_chains_of_one_name_are_distinguished(tmp_path: Path) -> None:
    """By their files; a chain that is alone with its name is called by it."""
    paths = []
    for place, name in enumerate(("same", "same", "other")):
        (tmp_path / str(place)).mkdir()
        paths.append(chain(tmp_path / str(place), name))
    todo = jobs([scenario(tmp_path, "one")], chains=paths)
    card = scorecard(SuiteFolder.create(tmp_path), todo, left_out=(), command="", engine="sim", resumed=False)
    assert card.chains == (f"same ({paths[0]})", f"same ({paths[1]})", "other")


def cut_short(world: World, *names: str, at: str) -> SuiteFolder:
    """Begin a suite of waves of one, and interrupt it while a scenario runs; return its folder."""

    async def story() -> SuiteFolder:
        work = world.suite(*names, most=1)
        task = asyncio.create_task(work.run())

        def stop(job: Job) -> None:
            if job.loaded.plan.name == at:
                task.cancel()

        world.before = stop
        with pytest.raises(asyncio.CancelledError):
            await task
        return SuiteFolder.open(Path(work.card.path))

    folder = asyncio.run(story())
    world.before = lambda _job: None
    return folder


def test_an_interrupted_suite_can_be_gone_on_with(world: World) -> None:
    """What had ended is not done again; what was under way is; one scorecard comes of it."""
    world.scores["one"] = Score.PARTIAL
    folder = cut_short(world, "one", "two", "three", at="two")
    told = json.loads((folder.path / "suite.json").read_text())
    assert [bool(cell["runs"][0]["ended"]) for cell in told["cells"]] == [True, False, False]
    assert "not run" in (folder.path / "scorecard.md").read_text()

    world.began.clear()
    card = world.run("one", "two", "three", resume=folder)
    assert sorted(world.began) == ["three", "two"]
    assert [cell.score for cell in card.cells] == [Score.PARTIAL, Score.PASS, Score.PASS]
    assert card.path == str(folder.path)
    assert "1 of 3 runs are done already" in world.said


def test_a_changed_scenario_is_run_anew(world: World) -> None:
    """Another plan is another run, even under the same name; so is one whose folder is gone."""
    first = world.run("one", "two", "three")
    path = world.folder / "one.yaml"
    path.write_text(path.read_text().replace("503", "500"))
    gone = Path(first.cells[1].runs[0].run or "")
    (gone / "plan.json").unlink()
    world.began.clear()
    world.run("one", "two", "three", resume=SuiteFolder.open(Path(first.path)))
    assert sorted(world.began) == ["one", "two"]


def test_a_run_that_the_harness_failed_is_run_anew(world: World) -> None:
    """It is no answer about the chain."""
    first = world.run("dies", "fine")
    world.began.clear()
    world.run("dies", "fine", resume=SuiteFolder.open(Path(first.path)))
    assert world.began == ["dies"]


def test_a_run_that_was_not_judged_yet_is_only_judged(world: World) -> None:
    """The suite was killed after the run had ended."""
    first = world.run("one")
    told = kept(first)
    told["cells"][0]["runs"][0] |= {"score": None, "tally": None, "reasons": []}
    (Path(first.path) / "suite.json").write_text(json.dumps(told))
    world.began.clear()
    world.scores["one"] = Score.SAFE
    card = world.run("one", resume=SuiteFolder.open(Path(first.path)))
    assert (world.began, card.cells[0].score) == ([], Score.SAFE)


@pytest.mark.parametrize("text", ["{}", '{"cells": [{"file": "x", "runs": [{"seed": "no"}]}]}', "torn"])
def test_a_folder_that_is_no_suite_is_reported(world: World, text: str) -> None:
    """The user's mistake, with the file's name."""
    folder = SuiteFolder.create(world.folder)
    (folder.path / "suite.json").write_text(text)
    with pytest.raises(UsageError) as caught:
        world.suite("one", resume=folder)
    assert "suite.json" in (caught.value.where or "")


def test_each_run_has_the_seconds_that_it_took(world: World) -> None:
    """Those of its folder: without the time that it waited for its turn."""
    card = world.run("one", "two")
    assert [run.wall_s for cell in card.cells for run in cell.runs] == [WALL_S, WALL_S]


def test_resuming_from_nowhere_is_reported(tmp_path: Path) -> None:
    """There is no suite at that path."""
    with pytest.raises(UsageError, match=r"it has no suite\.json"):
        SuiteFolder.open(tmp_path)
