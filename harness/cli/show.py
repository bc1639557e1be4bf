"""`harness show`: requests of a saved run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import output
from harness.cli.app import app
from harness.cli.options import Json
from harness.errors import ExitCode
from harness.quantities import count


@app.command(epilog="Example: harness show reports/latest req-000090")
def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as reports/latest.")],
    request: Annotated[
        str | None,
        typer.Argument(
            metavar="REQUEST",
            help="Its id, the beginning of one, or its number. [default: all of a small run, the worst of another]",
            show_default=False,
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> int:
    """Show requests of a saved run: who was asked when, what each answered, and who served."""
    from rich.console import Console  # noqa: PLC0415 - `harness --help` and `check` stay quick

    from harness.experiment import show as shown_of  # noqa: PLC0415
    from harness.report import console as lines  # noqa: PLC0415
    from harness.report.waterfall import print_request, print_requests  # noqa: PLC0415

    shown = shown_of(run, request)
    if as_json:
        output.show(shown.as_json())
        return ExitCode.PASS
    console, plan = Console(), shown.run.plan
    lines.line(console, f"{plan.chain.drawn} ({plan.chain.driver}): {plan.title}")
    if shown.run.cut_short:
        lines.line(console, shown.run.cut_short)
    if shown.listed:
        print_requests(shown.requests, console)
        lines.line(
            console, f"the worst of {count(len(plan.arrivals))} requests; one of them: harness show {run} REQUEST"
        )
        return ExitCode.PASS
    for story in shown.requests:
        print_request(story, console)
    return ExitCode.PASS
