"""`harness compare`, and what `--baseline` adds to other commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.app import app
from harness.cli.options import Json
from harness.cli.output import show
from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.report.comparison import Compared


@app.command(epilog="Example: harness compare reports/suites/2026-11-21T20-21-47Z reports/suites/2026-11-22T08-00-12Z")
def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Folder of the earlier run or suite.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Folder of the later run or suite.")],
    *,
    as_json: Json = False,
) -> int:
    """Compare two runs or suites; fail if something got worse.

    A single pair of runs rarely distinguishes a change from chance: compare suites made with --repeat 8 or more.
    """
    from harness import experiment  # noqa: PLC0415
    from harness.report.comparison import print_comparison  # noqa: PLC0415

    compared = experiment.compare(before, after)
    if as_json:
        show(compared.as_json())
    else:
        print_comparison(compared)
    return exit_code(ExitCode.PASS, compared)


def exit_code(code: int, compared: Compared | None) -> int:
    """Return the exit status of a run or suite that was compared with a baseline: fail beats inconclusive beats pass."""
    if compared is None or code not in (ExitCode.PASS, ExitCode.INCONCLUSIVE):
        return code
    if compared.regressed:
        return ExitCode.FAIL
    return ExitCode.INCONCLUSIVE if compared.unclear else code


def regressions(compared: Compared | None) -> dict[str, Any]:
    """Return what `--json` adds; nothing without a baseline."""
    return {} if compared is None else {"regressions": compared.regressions(), "open": compared.open()}


def print_compared(compared: Compared | None) -> None:
    """Print what got worse, or may have; nothing without a baseline."""
    from harness.report.comparison import print_comparison  # noqa: PLC0415

    if compared is not None:
        print_comparison(compared, whole=False)
