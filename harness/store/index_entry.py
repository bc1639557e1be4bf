"""One entry of the index, and how it is read from a folder: whatever is wrong with the folder is a note, never an error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from harness.errors import UsageError
from harness.scenario.names import SUITES
from harness.store.files import check_format
from harness.store.format import FORMAT, decode, encode

T = TypeVar("T")
VerdictWord = Literal["pass", "fail", "inconclusive", ""]

NUMBERS: Mapping[str, str] = {
    "success_rate": "share",
    "latency_p95": "ns",
    "fallback_overhead_p95": "ns",
    "amplification": "ratio",
    "time_to_recover": "ns",
}
"""The numbers of a whole run that the index has, as in metrics.json, each with its unit."""
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\dZ)(-\d+)*")
_LIBRARIES = ("litellm", "openai")
"""With the name of the library that it uses begins the name of a chain's driver."""
_UNFINISHED = "not judged: it was killed, or is still running"
_OWN = "llm-fallback-harness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run, suite, comparison, replay or tuning.

    Attributes:
        kind: Which of them.
        path: Of its folder, from the folder of reports.
        stamp: When the file that ends it was written, in nanoseconds, and its size.
        when_s: When it began, as Unix time.
        verdict: Its answer; empty where there is none.
        note: Why there is none, or why it is inconclusive though the chain was never judged; of a suite, how many of its cells passed.
        scenario: Its name.
        chain: Its name; of a suite those of all its chains.
        engine: `live` or `sim`.
        seed: Of its plan.
        harness: Version of the harness.
        driver: What hosts the chain.
        versions: What the chain ran with: Python and libraries, each with its version.
        digest: A checksum of the chain, without its name.
        numbers: Those in NUMBERS that it has.
        page: The file of its page; empty if it has none.
        members: Of a suite, the paths of its runs.
        suite: Of a run, the path of the suite that it belongs to; empty if it belongs to none.
    """

    kind: Literal["run", "suite", "comparison", "replay", "tuning"]
    path: str = ""
    stamp: tuple[int, int] = (0, 0)
    when_s: int = 0
    verdict: VerdictWord = ""
    note: str = ""
    scenario: str = ""
    chain: str = ""
    engine: str = ""
    seed: int | None = None
    harness: str = ""
    driver: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    page: str = ""
    members: tuple[str, ...] = ()
    suite: str = ""

    @property
    def library(self) -> str:
        """The library that the chain is made of, with its version; empty if that is not known."""
        name = next((name for name in _LIBRARIES if self.driver.startswith(name)), "")
        return f"{name} {self.versions[name]}" if name in self.versions else ""

    @property
    def began(self) -> str:
        """When it began, in UTC, ISO 8601."""
        return datetime.fromtimestamp(self.when_s, UTC).isoformat(timespec="seconds")

    def as_json(self) -> dict[str, Any]:
        """Return it for other programs."""
        return {
            "kind": self.kind,
            "path": self.path,
            "began": self.began,
            "verdict": self.verdict or None,
            "note": self.note,
            "scenario": self.scenario,
            "chain": self.chain,
            "engine": self.engine,
            "seed": self.seed,
            "harness": self.harness,
            "versions": self.versions,
            "chain_digest": self.digest,
            "numbers": {name: self.numbers.get(name) for name in NUMBERS},
            "page": f"{self.path}/{self.page}" if self.page else None,
            "suite": self.suite or None,
        }


def named_by_time(name: str) -> bool:
    """Return whether a folder's name is one that the harness gives."""
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlanPart:
    name: str
    seed: int
    chain: dict[str, Any]
    format: object = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChainPart:
    python: str = ""
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _EnvironmentPart:
    engine: str = ""
    started: str = ""
    python: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    chain: _ChainPart | None = None
    format: object = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class _VerdictPart:
    status: Literal["pass", "fail", "inconclusive"]
    exit_code: int
    reasons: list[str] = field(default_factory=list)
    format: object = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class _PhasesPart:
    run: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MetricsPart:
    phases: _PhasesPart
    format: object = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class _CellRunPart:
    run: str | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _CellPart:
    chain: str
    status: str
    runs: list[_CellRunPart] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SuitePart:
    status: Literal["pass", "fail", "inconclusive"]
    cells: list[_CellPart]
    started: str = ""
    engine: str = ""
    format: object = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class _AnswerPart:
    chain: str
    summary: str
    verdict: VerdictWord = ""
    format: object = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class _ComparisonPart:
    before: str
    after: str
    chain: str
    regressions: list[Any]
    format: object = FORMAT


def read_run(folder: Path) -> Entry:
    """Return the entry of a run's folder."""
    plan, about_plan = _read(folder / "plan.json", _PlanPart)
    facts, _ = _read(folder / "environment.json", _EnvironmentPart)
    verdict, about_verdict = _read(folder / "verdict.json", _VerdictPart)
    found, _ = _read(folder / "metrics.json", _MetricsPart)
    facts = facts or _EnvironmentPart()
    chain = plan.chain if plan else {}
    return Entry(
        kind="run",
        when_s=_when_s(folder, facts.started),
        verdict=verdict.status if verdict else "",
        note=about_plan or about_verdict or ("" if plan else "it has no plan") or _unanswered(verdict),
        scenario=plan.name if plan else folder.parent.name,
        chain=str(chain.get("name", "")),
        engine=facts.engine,
        seed=plan.seed if plan else None,
        harness=facts.versions.get(_OWN, ""),
        driver=str(chain.get("driver", "")),
        versions=_versions(facts),
        digest=_digest(chain) if chain else "",
        numbers=_numbers(found.phases.run if found else {}),
    )


def read_suite(folder: Path) -> Entry:
    """Return the entry of a suite's folder."""
    suite, problem = _read(folder / "suite.json", _SuitePart)
    if suite is None:
        return Entry(kind="suite", when_s=_when_s(folder, ""), note=problem or "empty")
    runs = [run for cell in suite.cells for run in cell.runs]
    ended = sum(run.ended for run in runs)
    passed = sum(cell.status == "pass" for cell in suite.cells)
    note = f"{passed} of {len(suite.cells)} passed" if ended == len(runs) else f"{ended} of {len(runs)} runs ended"
    return Entry(
        kind="suite",
        when_s=_when_s(folder, suite.started),
        verdict=suite.status if ended == len(runs) else "",
        note=note,
        chain=", ".join(dict.fromkeys(cell.chain for cell in suite.cells)),
        engine=suite.engine,
        # Absolute paths, perhaps of another machine: what counts is the scenario's folder and the run's.
        members=tuple("/".join(Path(run.run).parts[-2:]) for run in runs if run.run and folder.parent.name == SUITES),
    )


def read_comparison(folder: Path) -> Entry:
    """Return the entry of a comparison's folder."""
    compared, problem = _read(folder / "comparison.json", _ComparisonPart)
    if compared is None:
        return Entry(kind="comparison", when_s=_when_s(folder, ""), note=problem or "empty")
    return Entry(
        kind="comparison",
        when_s=_when_s(folder, ""),
        verdict="fail" if compared.regressions else "pass",
        note=f"{compared.before} → {compared.after}",
        chain=compared.chain,
    )


def read_replay(folder: Path) -> Entry:
    """Return the entry of a replay's folder."""
    return _answered(folder, "replay")


def read_tuning(folder: Path) -> Entry:
    """Return the entry of a tuning's folder."""
    return _answered(folder, "tuning")


def _answered(folder: Path, kind: Literal["replay", "tuning"]) -> Entry:
    answer, problem = _read(folder / f"{kind}.json", _AnswerPart)
    when_s = _when_s(folder, "")
    if answer is None:
        return Entry(kind=kind, when_s=when_s, note=problem or "stopped, or still running")
    return Entry(
        kind=kind, when_s=when_s, verdict=answer.verdict, note=answer.summary, chain=answer.chain, engine="sim"
    )


def _read(path: Path, shape: type[T]) -> tuple[T | None, str]:
    """Return what a file holds, and what is wrong with it: of a file that is not there, nothing of both."""
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            return None, ""
        found = decode(path.read_bytes(), shape)
        check_format(path, getattr(found, "format", FORMAT))
    except OSError as problem:
        return None, f"{path.name} cannot be read: {problem.strerror}"
    except (ValueError, RecursionError):
        return None, f"{path.name} is damaged, or of another format"
    except UsageError as problem:
        return None, f"{path.name} is {problem.problem}"
    return found, ""


def _unanswered(verdict: _VerdictPart | None) -> str:
    """Return why a run was not judged, or not as a whole; empty if it was."""
    if verdict is None:
        return _UNFINISHED
    return "" if verdict.exit_code in (0, 1, 3) else next(iter(verdict.reasons), "it did not come to its end")


def _when_s(folder: Path, started: str) -> int:
    """Return when something began: as it was recorded, else by the name of its folder, else by the folder's date."""
    named = _NAME.fullmatch(folder.name)
    for text in (started, "{}{}:{}:{}".format(*named.groups()[:4]) if named else ""):
        with suppress(ValueError):
            return int(datetime.fromisoformat(text).timestamp())
    try:
        return int(folder.stat().st_mtime)
    except OSError:
        return 0


def _versions(facts: _EnvironmentPart) -> dict[str, str]:
    if facts.chain is not None:
        return {"Python": facts.chain.python, **facts.chain.versions}
    own = {name: facts.versions[name] for name in _LIBRARIES if name in facts.versions}
    return {"Python": facts.python, **own} if facts.python else own


def _digest(chain: dict[str, Any]) -> str:
    """Return a checksum of a chain. What is empty does not count: a newer version may know more fields."""
    given = {name: value for name, value in sorted(chain.items()) if value and name != "name"}
    return hashlib.sha256(encode(_sorted(given))).hexdigest()[:12]


def _sorted(value: Any) -> Any:
    """Return plain data without what is empty, so that equal chains are equal bytes."""
    if isinstance(value, dict):
        return {name: _sorted(each) for name, each in sorted(value.items()) if each not in (None, "", [], {})}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _numbers(values: dict[str, dict[str, Any]]) -> dict[str, float]:
    found = {name: values.get(name, {}).get("value") for name in NUMBERS}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
