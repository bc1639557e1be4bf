"""What GitHub Actions shows of a run: a summary of the step, and an annotation for each check that failed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.report import JudgedRun
    from harness.report.chain_comparison import ComparedChains
    from harness.report.comparison import Compared
    from harness.report.scorecard import Scorecard


def publish_run(run: JudgedRun, scenario: Path, compared: Compared | None, summary: Path | None) -> None:
    """Write the summary and the annotations of a run.

    Args:
        run: The run.
        scenario: Its file.
        compared: What changed since its baseline; None without one.
        summary: Where the summary is appended; if None, the file that GitHub names, if any.
    """
    from harness.report import github  # noqa: PLC0415

    if file := _summary(summary):
        _append(file, github.run_summary(run, compared))
    if _annotated():
        _annotate(github.run_annotations(run, scenario, _root()))


def publish_suite(card: Scorecard, compared: Compared | None, summary: Path | None) -> None:
    """Write the summary and the annotations of a suite; see `publish_run`."""
    from harness.report import github  # noqa: PLC0415

    if file := _summary(summary):
        _append(file, github.suite_summary(card, compared))
    if _annotated():
        _annotate(github.suite_annotations(card, _root()))


def publish_chains(compared: ComparedChains, summary: Path | None) -> None:
    """Write the summary of a comparison of two chains; see `publish_run`."""
    from harness.report import chain_comparison  # noqa: PLC0415

    if file := _summary(summary):
        _append(file, chain_comparison.markdown(compared))


def _summary(chosen: Path | None) -> Path | None:
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    return chosen or (Path(named) if named else None)


def _annotated() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _root() -> Path:
    return Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())


def _append(file: Path, text: str) -> None:
    try:
        with file.open("a", encoding="utf-8") as page:
            page.write(text)
    except OSError as problem:
        raise HarnessError(problem.strerror or str(problem), where=str(file)) from None


def _annotate(lines: list[str]) -> None:
    """Write workflow commands; GitHub reads standard error too, and standard output may have to be one JSON object."""
    sys.stderr.writelines(f"{line}\n" for line in lines)
