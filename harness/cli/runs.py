"""`harness runs`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.app import app
from harness.cli.options import Json, Reports, SinceOption, began_since_s
from harness.cli.output import show
from harness.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from harness.experiment.index import Prunable


class _VerdictFilter(StrEnum):
    """Answers to filter by; `none` is what was never judged."""

    PASS = "pass"  # noqa: S105 - an answer
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NONE = "none"


@app.command(epilog="Example: harness runs --scenario primary-429 --since 7d")
def runs(
    *,
    scenario: Annotated[str | None, typer.Option(metavar="NAME", help="Only runs of this scenario.")] = None,
    chain: Annotated[str | None, typer.Option(metavar="NAME", help="Only this chain.")] = None,
    verdict: Annotated[_VerdictFilter | None, typer.Option(help="Only with this verdict; none: never judged.")] = None,
    since: SinceOption = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what is neither among the newest (--keep) nor began --since.")
    ] = False,
    keep: Annotated[int | None, typer.Option(min=0, metavar="N", help="With --prune: keep the newest N.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --prune: do not ask.")] = False,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """List what is kept (runs, suites, comparisons, replays, tunings), newest first, or delete old ones.

    `--prune` shows what it would delete, and asks. A suite counts as one and takes its runs along. Samples, the latest run, what
    may still be running, and folders that somebody renamed are never deleted.
    """
    from harness.experiment import index  # noqa: PLC0415 - `harness --help` and `check` stay quick

    wanted = index.Wanted(
        scenario=scenario, chain=chain, verdict=verdict, since_s=None if since is None else began_since_s(since)
    )
    if prune:
        return _prune(index.prunable(reports, wanted, keep=keep), yes=yes, as_json=as_json)
    for given, option in ((keep is not None, "--keep"), (yes, "--yes")):
        if given:
            raise UsageError("means nothing without --prune", where=option)
    found = index.runs(reports, wanted)
    if as_json:
        show(index.listed(found))
    elif found:
        from harness.report.index.terminal import print_entries  # noqa: PLC0415

        print_entries(found, reports)
    else:
        sys.stdout.write(f"nothing like that is in {reports}\n")
    return ExitCode.PASS


def _prune(found: Prunable, *, yes: bool, as_json: bool) -> int:
    """Delete what may go, once somebody has said yes."""
    from harness.experiment import index  # noqa: PLC0415
    from harness.quantities import plural  # noqa: PLC0415
    from harness.report.index.terminal import print_entries  # noqa: PLC0415

    if not found.entries:
        if as_json:
            show(found.as_json(deleted=False))
        else:
            sys.stdout.write("there is nothing to delete\n")
        return ExitCode.PASS
    if not as_json:
        print_entries(found.entries, found.reports)
    if not yes:
        if as_json or not sys.stdin.isatty():
            if as_json:
                show(found.as_json(deleted=False))
            sys.stderr.write(f"nothing is deleted: {plural(len(found.entries), 'folder')} would be, with --yes\n")
            return ExitCode.PASS
        typer.confirm(f"Delete {plural(len(found.entries), 'folder')}?", abort=True)
    gone = index.prune(found, _warn)
    if as_json:
        show(index.Prunable(reports=found.reports, entries=tuple(gone)).as_json(deleted=True))
    else:
        sys.stdout.write(f"{plural(len(gone), 'folder')} deleted\n")
    return ExitCode.PASS if len(gone) == len(found.entries) else ExitCode.HARNESS


def _warn(text: str) -> None:
    sys.stderr.write(f"{text}\n")
