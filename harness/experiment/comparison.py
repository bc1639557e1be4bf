"""Compare what is kept: a run with an earlier one, a suite with an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.errors import ExitCode, HarnessError, UsageError
from harness.judge import Metrics, Verdict, metrics_of
from harness.judge.comparison.changes import Side
from harness.judge.comparison.regression import compare as compare_sides
from harness.report.comparison import Compared, ComparedCell, with_baseline
from harness.scenario import Plan
from harness.store import RunFolder, SuiteFolder, encode, read_json

Key = tuple[str, str]
"""A scenario's and a chain's name."""


_NAMELESS: Key = ("", "")
_NEW, _GONE = "not in the baseline", "only in the baseline"
_ANSWERED = (ExitCode.PASS, ExitCode.FAIL, ExitCode.INCONCLUSIVE)
"""Any other run did not come to its planned end; its numbers are those of a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One run that was kept.

    Attributes:
        side: Its numbers and its answer.
        plan: What it was to do; None where only the numbers were kept.
        libraries: What the chain ran with: Python and libraries, each with its version.
    """

    side: Side
    plan: Plan | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What later runs are compared with, read before anything starts.

    Attributes:
        path: As the user named it.
        cells: The runs of each scenario and chain, in order; under an empty key what does not say whose it is.
        whole: It is a suite, so that a cell which it has not is missing.
    """

    path: Path
    cells: Mapping[Key, tuple[Kept, ...]] = field(default_factory=dict)
    whole: bool = False

    @classmethod
    def open(cls, path: Path) -> Baseline:
        """Read a run's folder, its metrics.json, a suite's folder, or a folder of reports: its latest suite.

        Raises:
            UsageError: There is none of these at that path, or it has no numbers.
        """
        if path.is_file():
            alone = _numbers_alone(path)
            return cls(path=path, cells={_key(alone): (alone,)})
        if suite := SuiteFolder.latest(path):
            return cls(path=suite.path, cells=_suite(suite), whole=True)
        if (path / "suite.json").is_file():
            return cls(path=path, cells=_suite(SuiteFolder.open(path)), whole=True)
        kept = kept_run(RunFolder.open(path))
        if kept is None:
            raise UsageError("this run has no numbers: it did not come to its end", where=str(path))
        return cls(path=path, cells={_key(kept): (kept,)})

    def against(self, later: Baseline) -> Compared:
        """Return what changed from this to what came later."""
        like = {key: self._like(key, later) for key in later.cells}
        matched = {
            key: _pairs(_sound(self.cells.get(like[key], ())), _sound(runs)) for key, runs in later.cells.items()
        }
        alike = {key: pairs for key, pairs in matched.items() if pairs and all(_alike(*pair) for pair in pairs)}
        cells = [
            _compared(key, alike[key], cells=len(alike)) if key in alike else self._apart(key, like[key], runs)
            for key, runs in later.cells.items()
        ]
        gone = set(self.cells).difference(like.values()) if later.whole else set()
        cells += [ComparedCell(scenario=key[0], chain=key[1], note=_GONE) for key in self.cells if key in gone]
        return Compared(before=str(self.path), after=str(later.path), cells=tuple(cells))

    def _apart(self, key: Key, before: Key, now: tuple[Kept, ...]) -> ComparedCell:
        """Return a cell with which there is nothing to compare, and why."""
        runs = self.cells.get(before)
        unsound = bool(runs and now) and not (_sound(runs or ()) and _sound(now))
        if runs is None:
            note = _NEW
        elif not runs:
            note = "no run of the baseline has numbers"
        elif not now:
            note = "no run came so far as to have numbers"
        elif unsound:
            note = "no run was sound, so their numbers tell nothing; their own reasons say why"
        else:
            note = "its load, phases or faults are others now, so there is nothing to compare: begin a new baseline"
        return ComparedCell(scenario=key[0], chain=key[1], note=note, unsound=unsound)

    def _like(self, key: Key, later: Baseline) -> Key:
        """Return which earlier cell is the same; a chain may have a new name if there is only one on either side."""
        if key in self.cells:
            return key
        if len(self.cells) == len(later.cells) == 1 and _NAMELESS in (*self.cells, *later.cells):
            return next(iter(self.cells))
        one = all(len({chain for _, chain in side.cells}) == 1 for side in (self, later))
        return next((mine for mine in self.cells if one and mine[0] == key[0]), key)


def compare(before: Path, after: Path) -> Compared:
    """Return what changed between two saved runs, or two suites.

    Args:
        before: Folder of the earlier one, or its metrics.json.
        after: Folder of the later one, or its metrics.json.

    Raises:
        UsageError: One of them is not there, or they have no scenario in common.
    """
    compared = Baseline.open(before).against(Baseline.open(after))
    if not any(cell.comparison or cell.unsound for cell in compared.cells):
        notes = dict.fromkeys(cell.note for cell in compared.cells if cell.note not in (_NEW, _GONE))
        raise UsageError(
            "; ".join(notes) or "no scenario that both ran",
            where=f"{before}, {after}",
            hint="compare runs of the same scenario",
        )
    return compared


def compare_with(baseline: Baseline, folder: Path, *, junit_file: Path | None = None) -> Compared:
    """Return what changed from a baseline to a run or suite that has just ended, and add it to its junit.xml.

    Args:
        baseline: The earlier one.
        folder: The later one's.
        junit_file: Where its JUnit file was written too.
    """
    compared = baseline.against(Baseline.open(folder))
    page = folder / "junit.xml"
    try:
        told = with_baseline(page.read_bytes(), compared)
        for file in (page, junit_file or page):
            file.write_bytes(told)
    except OSError as problem:
        raise HarnessError(problem.strerror or str(problem), where=str(problem.filename or page)) from None
    return compared


def _key(kept: Kept) -> Key:
    return (kept.plan.name, kept.plan.chain.name) if kept.plan else _NAMELESS


def _sound(runs: tuple[Kept, ...]) -> tuple[Kept, ...]:
    """Return the runs that tell something: the numbers of the others are their machine's as much as the chain's."""
    return tuple(kept for kept in runs if kept.side.sound)


def _pairs(before: tuple[Kept, ...], after: tuple[Kept, ...]) -> list[tuple[Kept, Kept]]:
    """Return runs of the same seed, or if there are none, one after the other."""
    by_seed = {kept.plan.seed: kept for kept in before if kept.plan}
    same = [(by_seed[kept.plan.seed], kept) for kept in after if kept.plan and kept.plan.seed in by_seed]
    return same or list(zip(before, after, strict=False))


def _alike(old: Kept, new: Kept) -> bool:
    """Say whether two runs ask a chain the same: the seed may be another, and the providers may have other names."""
    return old.plan is None or new.plan is None or _asked(old.plan) == _asked(new.plan)


def _asked(plan: Plan) -> tuple[object, ...]:
    faults = {encode(replace(window, provider="")) for window in plan.timeline.windows}
    return plan.phases, plan.load, faults


def compared_runs(key: Key, before: Sequence[Kept], after: Sequence[Kept], *, cells: int) -> ComparedCell:
    """Return what changed from some runs of a scenario on a chain to later ones, each run in one pair at most.

    Only sound runs that ask the chain the same as the newest one count, and of those with the very same numbers one: a run in
    virtual time that is repeated with its seed adds nothing.

    Args:
        key: The scenario's and the chain's name.
        before: The newest first.
        after: The newest first.
        cells: How many such questions are asked at once.
    """
    pairs = _one_by_one(before, after)
    if not pairs:
        return ComparedCell(
            scenario=key[0], chain=key[1], note="no sound run of the same load, phases and faults on both sides"
        )
    return _compared(key, pairs, cells=cells)


def _one_by_one(before: Sequence[Kept], after: Sequence[Kept]) -> list[tuple[Kept, Kept]]:
    """Return runs of the same seed, each once; if there are none, one after the other."""
    newest = next((kept for kept in after if kept.side.sound), None)
    if newest is None:
        return []
    old, new = (
        _distinct([kept for kept in runs if kept.side.sound and _alike(kept, newest)]) for runs in (before, after)
    )
    pairs, left = [], list(old)
    for kept in new:
        twin = next((each for each in left if each.plan and kept.plan and each.plan.seed == kept.plan.seed), None)
        if twin is not None:
            left.remove(twin)
            pairs.append((twin, kept))
    return pairs or list(zip(old, new, strict=False))


def _distinct(runs: Sequence[Kept]) -> list[Kept]:
    found: list[Kept] = []
    for kept in runs:
        if not any(kept.side.metrics.phases == other.side.metrics.phases for other in found):
            found.append(kept)
    return found


def _compared(key: Key, pairs: Sequence[tuple[Kept, Kept]], *, cells: int) -> ComparedCell:
    paired = all(old.plan and new.plan and old.plan.seed == new.plan.seed for old, new in pairs)
    note = "" if paired else "other seeds, so that chance is in every difference"
    if not all(old.plan and new.plan for old, new in pairs):
        note = "an unknown seed, so any difference may be chance"
    note = "; ".join(filter(None, (note, _upgraded(*pairs[0]))))
    comparison = compare_sides([(old.side, new.side) for old, new in pairs], paired=paired, cells=cells)
    return ComparedCell(scenario=key[0], chain=key[1], comparison=comparison, note=note)


def _upgraded(old: Kept, new: Kept) -> str:
    """Return what the chain ran with before and does no more; empty if nothing, or if it is not known."""
    if not old.libraries or not new.libraries:
        return ""
    names = [*new.libraries, *(name for name in old.libraries if name not in new.libraries)]
    changes = [
        f"{name} {old.libraries.get(name, 'none')} before, {new.libraries.get(name, 'none')} after"
        for name in names
        if old.libraries.get(name) != new.libraries.get(name)
    ]
    return f"the chain ran with {', '.join(changes)}" if changes else ""


def _libraries(folder: RunFolder) -> dict[str, str]:
    chain = folder.environment().get("chain") or {}
    return {"Python": chain["python"], **chain["versions"]} if chain else {}


def _numbers_alone(path: Path) -> Kept:
    """Return a run of which perhaps only metrics.json was kept; what lies beside it is read too."""
    if (path.parent / "plan.json").is_file() and path.name == "metrics.json":
        found = kept_run(RunFolder.open(path.parent))
        if found is not None:
            return found
    return Kept(side=Side(metrics=_metrics(path)))


def kept_run(folder: RunFolder) -> Kept | None:
    """Return a run that was kept; None if it has no numbers, or did not come to its planned end."""
    if not folder.verdict() or not folder.metrics():
        return None
    verdict = read_json(folder.path / "verdict.json", Verdict)
    if verdict.exit_code not in _ANSWERED:
        return None
    side = Side(metrics=_metrics(folder.path / "metrics.json"), verdict=verdict)
    return Kept(side=side, plan=folder.plan(), libraries=_libraries(folder))


def _metrics(path: Path) -> Metrics:
    try:
        return metrics_of(read_json(path, dict[str, Any]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"not the metrics.json of a run: {type(error).__name__}: {error}"
        raise UsageError(problem, where=str(path), hint="name a run's folder") from None


def _suite(folder: SuiteFolder) -> dict[Key, tuple[Kept, ...]]:
    cells: dict[Key, tuple[Kept, ...]] = {}
    try:
        for cell in folder.read()["cells"]:
            paths = [_found(folder, run) for run in cell["runs"] if run["run"] and not run["error"]]
            runs = (kept_run(RunFolder.open(path)) for path in paths)
            cells[cell["scenario"], cell["chain"]] = tuple(kept for kept in runs if kept is not None)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"not the suite.json of a suite: {type(error).__name__}: {error}", where=str(folder.path / "suite.json")
        ) from None
    return cells


def _found(folder: SuiteFolder, run: Mapping[str, Any]) -> Path:
    """Return a run's folder, also where all of `reports` was moved or came from another machine."""
    path = Path(run["run"])
    return path if path.is_dir() else folder.path.parent.parent / path.parent.name / path.name
