"""`harness export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import output
from harness.cli.app import app
from harness.cli.options import Json
from harness.errors import ExitCode
from harness.export import ExportFormat

if TYPE_CHECKING:
    from harness.experiment.exporting import WrittenRun


@app.command(epilog="Example: harness export reports/latest --format otlp --to traces.jsonl")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as reports/latest.")],
    *,
    form: Annotated[
        ExportFormat,
        typer.Option("--format", help="csv, jsonl: tables of requests, attempts and fallbacks; otlp: traces."),
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Folder of the tables, or file of the traces. [default: traces go to OTEL_EXPORTER_OTLP_ENDPOINT where that "
            "is set; else the folder export of the run]",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Write a saved run for other programs, or send its traces to a collector."""
    from harness.experiment.exporting import export as exported  # noqa: PLC0415 - `harness --help` stays quick

    done = exported(run, form, to=to)
    if as_json:
        files = [str(file.absolute()) for file in done.files]
        output.show({"files": files, "endpoint": done.endpoint, "spans": done.spans})
    else:
        _print(done)
    return ExitCode.PASS


def _print(done: WrittenRun) -> None:
    number = "" if done.spans is None else f"{done.spans} spans: "
    for place in done.files or (done.endpoint,):
        sys.stdout.write(f"{number}{place}\n")
