"""What is kept of each claim's run: its numbers, and the answer that follows from them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.chain import load as load_chain
from harness.chain.driver import driver_of
from harness.document import read, validate
from harness.judge import Status
from harness.judge.expectations import decide
from harness.judge.intervals import Interval
from harness.judge.metrics import METRICS
from harness.judge.verdict import UNSOUND
from harness.quantities import amount
from harness.scenario import Scenario

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scenarios" / "claims"
FILE = ROOT / "docs" / "claims.json"

SEVERAL = "--"
"""Separates a claim's name from that of a setting, in the name of a scenario."""
LOAD_MAX = 1.5
"""With more processes per core when a run began, a slow gateway is no slower than the machine."""
ANSWERS: Mapping[Status, str] = {Status.PASS: "true", Status.FAIL: "false", Status.INCONCLUSIVE: "inconclusive"}
_NUMBER = re.compile(r"\{(?P<part>[a-z_]+)\.(?P<name>[^{}]+?)(?P<samples>\.samples)?\}")
_OP = re.compile(r">=|<=|<|>")
_KEPT = ("text", "metric", "status", "observed", "ci", "unit", "samples", "limit", "message")

Digest = dict[str, Any]


def scenarios() -> dict[str, Scenario]:
    """Return the scenarios that test claims, by name."""
    found = [validate(read(path), Scenario) for path in sorted(FOLDER.glob("*.yaml"))]
    return {scenario.name: scenario for scenario in found}


def path_of(name: str) -> str:
    """Return a scenario's path below the project's folder."""
    return str((FOLDER / f"{name}.yaml").relative_to(ROOT))


def is_live(scenario: Scenario) -> bool:
    """Return whether only a run on real parts can test a claim: its chain is a process of its own."""
    assert scenario.chain is not None
    return driver_of(load_chain(FOLDER / scenario.chain)).in_process is None


def said(scenario: Scenario) -> Digest:
    """Return what a scenario's file says, as it is kept."""
    assert scenario.claim is not None
    return {
        "claim": scenario.claim.statement,
        "setting": scenario.title,
        "happens": scenario.claim.measured.strip(),
        "source": scenario.seen,
        "seed": scenario.seed,
        "expect": list(scenario.expect),
    }


def digest(scenario: Scenario, run: Path | None, *, error: str = "", load: float = 0.0) -> Digest:
    """Return what is kept of a run.

    Args:
        scenario: The scenario.
        run: The run's folder; None where there is none.
        error: Why there is no answer.
        load: Processes that wanted a core when a live run began, per core of the machine; 0 in virtual time.
    """
    live = is_live(scenario)
    kept = said(scenario) | {
        "command": f"harness run {path_of(scenario.name)}" + ("" if live else " --engine sim"),
        "litellm": "",
        "load": round(load, 1),
        "unsound": error,
        "rows": [],
        "numbers": {},
    }
    if run is not None and (run / "verdict.json").exists():
        verdict = json.loads((run / "verdict.json").read_bytes())
        metrics = json.loads((run / "metrics.json").read_bytes())
        kept["rows"] = [{name: row[name] for name in _KEPT} for row in verdict["expectations"]]
        kept["numbers"] = {text: _number(metrics, match) for text, match in _asked(kept["happens"])}
        kept["litellm"] = json.loads((run / "environment.json").read_bytes())["versions"]["litellm"]
        kept["unsound"] = error or _unsound(verdict)
    return kept | {"answer": answer(kept)}


def answer(kept: Digest) -> str:
    """Return the answer that follows from a digest's numbers."""
    if kept["unsound"] or not kept["rows"]:
        return ANSWERS[Status.INCONCLUSIVE]
    statuses = [status(kept, row) for row in kept["rows"]]
    worst = next((each for each in (Status.FAIL, Status.INCONCLUSIVE) if each in statuses), Status.PASS)
    return ANSWERS[worst]


def together(answers: Iterable[str]) -> str:
    """Return the answer to a claim that was tested in several settings."""
    found = set(answers)
    if len(found) == 1:
        return found.pop()
    return ANSWERS[Status.INCONCLUSIVE] if ANSWERS[Status.INCONCLUSIVE] in found else "depends"


def paragraph(kept: Digest) -> str:
    """Return what happens, with the measured numbers in their places."""
    text = " ".join(kept["happens"].split())
    return _NUMBER.sub(lambda match: kept["numbers"].get(match[0], {}).get("text", "?"), text)


def saved() -> dict[str, Digest]:
    """Return the digests that are kept, by scenario."""
    return dict(json.loads(FILE.read_bytes())["runs"]) if FILE.exists() else {}


def save(digests: Mapping[str, Digest]) -> None:
    """Keep digests."""
    text = json.dumps({"format": 1, "runs": dict(sorted(digests.items()))}, indent=1, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8")


def observed(row: Mapping[str, Any]) -> float | None:
    """Return the number of an expectation; infinite for what never came, None for what was not measured."""
    value: float | None = row["observed"]
    return math.inf if value is None and row["samples"] else value


def status(kept: Digest, row: Mapping[str, Any]) -> Status:
    """Return what an expectation's own numbers say, unless its message or a busy machine makes them worthless."""
    value, op = observed(row), _OP.search(row["text"])
    assert op is not None
    if row["status"] == Status.INCONCLUSIVE or value is None:
        return Status.INCONCLUSIVE
    low, high = row["ci"] or (value, value)
    seen: Interval = (-math.inf if low is None else low, math.inf if high is None else high)
    found = decide(op[0], row["limit"], seen)  # type: ignore[arg-type]
    # A gateway's process shows no lag of its own. That others wanted its core only lengthens times: a pass stays one.
    slowed = kept["load"] > LOAD_MAX and METRICS[row["metric"]].about_time and op[0] in ("<", "<=")
    return Status.INCONCLUSIVE if found is Status.FAIL and slowed else found


def _unsound(verdict: Mapping[str, Any]) -> str:
    """Return why a run says nothing about the claim, whatever its numbers are; empty if it does."""
    idle = [each["message"] for each in verdict["findings"] if each["id"] == "fault_never_fired" and each["count"]]
    sick = any(row["message"].endswith(UNSOUND) for row in verdict["expectations"])
    return str(next(iter([*(verdict["reasons"][:1] if sick else []), *idle]), ""))


def _asked(happens: str) -> Iterable[tuple[str, re.Match[str]]]:
    return ((match[0], match) for match in _NUMBER.finditer(happens))


def _number(metrics: Mapping[str, Any], match: re.Match[str]) -> dict[str, Any]:
    """Return a number of a run, as it is and as people read it.

    Raises:
        KeyError: The run has no such number.
    """
    values = metrics["harness"] if match["part"] == "harness" else metrics["phases"][match["part"]]
    found = values[match["name"]]
    value, unit = (found["samples"], "count") if match["samples"] else (found["value"], found["unit"])
    return {"value": value, "unit": unit, "text": amount(value, unit)}
