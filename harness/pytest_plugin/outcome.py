"""What a scenario came to, for a test to look at or to fail with."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from harness import experiment, quantities
from harness.errors import HarnessError, UsageError
from harness.judge import ExpectationResult, Finding, Metrics, Status, Verdict
from harness.report import JudgedRun, words
from harness.report.summary import summary
from harness.scenario import shipped

FOLDER = ".pytest_chaos"
_IDS_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a scenario came to.

    Attributes:
        run: Plan, history, numbers and answer.
        path: The run's folder; it is removed after the test if the verdict is a pass.
        scenario: As people find it from the root directory.
        command: The command line that repeats the run.
    """

    run: JudgedRun
    path: Path
    scenario: str
    command: str

    @property
    def passed(self) -> bool:
        """The verdict is a pass: neither a fail nor inconclusive."""
        return self.run.verdict.status is Status.PASS

    @property
    def verdict(self) -> Verdict:
        """The answer, with every expectation and finding."""
        return self.run.verdict

    @property
    def metrics(self) -> Metrics:
        """The numbers, by phase, by kind of request (where there are several) and by provider."""
        return self.run.metrics

    @property
    def requests(self) -> pd.DataFrame:
        """One row per caller's request; times in nanoseconds since the run's origin."""
        return self.run.requests

    @property
    def attempts(self) -> pd.DataFrame:
        """One row per exchange with a provider; times in nanoseconds since the run's origin."""
        return self.run.attempts

    @property
    def fallbacks(self) -> pd.DataFrame:
        """One row per step of a request from one provider to another: what triggered it, how it ended; see `judge.fallbacks`."""
        return self.run.fallbacks

    def check(self) -> None:
        """Fail the test unless the verdict is a pass."""
        if not self.passed:
            pytest.fail(str(self), pytrace=False)

    def clean(self) -> None:
        """Remove the run's folder if the verdict is a pass."""
        if self.passed:
            shutil.rmtree(self.path, ignore_errors=True)

    def __str__(self) -> str:
        """Return the verdict in sentences."""
        verdict = self.verdict
        lines = [summary(self.run), f"  {self.scenario} on {self.run.plan.chain.name}, seed {self.run.plan.seed}"]
        lines += [_expectation(row) for row in verdict.expectations if row.status is not Status.PASS]
        asked = {row.metric for row in verdict.expectations}
        found = words.by_weight(verdict.findings)
        lines += [_finding(one) for one in found if one.id in asked or one.status is Status.FAIL]
        lines += [f"  - {reason}" for reason in words.other_reasons(verdict, expectations=True)]
        lines.append(f"  repeat with: {self.command}")
        if not self.passed:
            lines.append(f"  kept: {self.path}")
        return "\n".join(lines)


def run(scenario: Path, *, chain: Path | None, seed: int | None, root: Path) -> Outcome:
    """Run a scenario in virtual time; a file that is wrong fails the test with a sentence.

    Args:
        scenario: Its file.
        chain: In place of the scenario's.
        seed: In place of the scenario's.
        root: The project's root directory: runs are kept there, in `.pytest_chaos`.
    """
    named = _named(scenario, root)
    command = ["harness", "run", named, "--engine", "sim", *(["--chain", _named(chain, root)] if chain else [])]
    try:
        if _in_loop():
            hint = "mark the test with `chaos`, or call `fallback_chain` from a plain function"
            raise UsageError("a scenario needs an event loop of its own, and one is running here", hint=hint)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of a chain's libraries do not concern the tests that run it
            result = experiment.trial(scenario, runs=_runs(root), chain=chain, seed=seed, command=shlex.join(command))
    except HarnessError as error:
        problem = str(error)
    else:
        command += ["--seed", str(result.run.plan.seed)]
        return Outcome(run=result.run, path=result.folder.path, scenario=named, command=shlex.join(command))
    pytest.fail(f"error: {problem}", pytrace=False)  # outside, or pytest shows both


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _runs(root: Path) -> Path:
    """Return the folder of all runs, which no version control should see."""
    runs = root / FOLDER
    runs.mkdir(exist_ok=True)
    (runs / ".gitignore").write_text("*\n")
    return runs


def _named(path: Path, root: Path) -> str:
    if path.is_relative_to(root):
        return str(path.relative_to(root))
    short = shipped.named(path)
    return os.path.relpath(path, root) if short == str(path) else short


def _expectation(row: ExpectationResult) -> str:
    around = words.around(row)
    seen = f"observed {words.observed(row)}" + (f" ({around})" if around else "")
    why = f"; {row.message}" if row.message and row.status is Status.INCONCLUSIVE and not row.needed else ""
    return f"  {words.status(row.status)} {row.text}: {seen}, samples {words.samples(row)}{why}"


def _finding(one: Finding) -> str:
    requests = f" ({quantities.listed(one.requests, most=_IDS_MAX)})" if one.requests else ""
    return f"  {words.finding(one)} {words.finding_name(one.id)} ({one.id}): {one.message}{requests}"
