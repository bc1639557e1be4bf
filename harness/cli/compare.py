"""`harness compare`, and what `--baseline` adds to other commands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import github
from harness.cli.app import app
from harness.cli.options import Json, Reports, SummaryFile, home_of
from harness.cli.output import show
from harness.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from harness.report.comparison import Compared


@app.command(epilog="Example: harness compare litellm-config.yaml --litellm 1.90.0..1.106.2")
def compare(
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", help="Folder of the earlier run or suite, or the file of a chain.")
    ],
    after: Annotated[
        Path | None, typer.Argument(metavar="AFTER", help="Folder of the later one, or the file of another chain.")
    ] = None,
    *,
    litellm: Annotated[
        str | None,
        typer.Option(metavar="OLD..NEW", help="Compare one chain in two versions of LiteLLM."),
    ] = None,
    summary: SummaryFile = None,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Compare two runs, suites or chains; fail if something got worse.

    Two chains, or one chain in two versions of LiteLLM, carry out the shipped scenarios in virtual time, and a search looks
    for the smallest faults by which they differ. It takes some minutes. A single pair of runs rarely distinguishes a change
    from chance: compare suites made with --repeat 8 or more.
    """
    from harness import experiment  # noqa: PLC0415

    if litellm is not None or (after is not None and experiment.is_chain(before) and experiment.is_chain(after)):
        return _compare_chains(before, after, litellm, summary=summary, reports=reports, as_json=as_json)
    if after is None:
        hint = "name a second one, or for one chain in two versions: --litellm 1.90.0..1.106.2"
        raise UsageError("there is nothing to compare it with", where=str(before), hint=hint)
    from harness.report.comparison import print_comparison  # noqa: PLC0415

    compared = experiment.compare(before, after)
    if as_json:
        show(compared.as_json())
    else:
        print_comparison(compared)
    return exit_code(ExitCode.PASS, compared)


def _compare_chains(
    before: Path, after: Path | None, litellm: str | None, *, summary: Path | None, reports: Path, as_json: bool
) -> int:
    from harness import experiment  # noqa: PLC0415
    from harness.report.chain_comparison import print_chains  # noqa: PLC0415
    from harness.report.progress import RunProgress  # noqa: PLC0415

    if litellm is not None:
        if after is not None:
            raise UsageError("is about one chain, and two are named", where="--litellm")
        versions = litellm.split("..")
        if len(versions) != 2 or not all(versions):
            raise UsageError(f"not two versions: {litellm!r}", where="--litellm", hint="--litellm 1.90.0..1.106.2")
        sides = [experiment.ChainSide(path=before, home=home_of(None, version, None)) for version in versions]
    else:
        assert after is not None
        sides = [experiment.ChainSide(path=path) for path in (before, after)]
    words = ["harness", "compare", *dict.fromkeys(str(side.path) for side in sides)]
    words += ["--litellm", litellm] if litellm else []
    with RunProgress() as progress:
        compared = experiment.compare_chains(
            sides[0], sides[1], reports=reports, progress=progress, command=shlex.join(words)
        )
    github.publish_chains(compared, summary)
    if as_json:
        show(compared.as_json())
    else:
        print_chains(compared)
    return compared.exit_code


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
