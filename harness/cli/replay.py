"""`harness replay`."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.app import app
from harness.cli.interrupting import interruptible
from harness.cli.options import (
    Json,
    LiteLLMAt,
    ModelOption,
    PythonAt,
    Reports,
    SinceOption,
    began_since_s,
    home_of,
    read_as,
)
from harness.cli.output import show
from harness.engines import Engine
from harness.errors import ExitCode, UsageError


@app.command(epilog="Example: harness replay litellm-config.yaml --since 2025-01 --slo 99.9%")
def replay(
    chain: Annotated[Path | None, typer.Argument(metavar="CHAIN", help="Chain file or litellm-config.yaml.")] = None,
    incidents: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INCIDENT",
            help="Names, files of your own, a status page's history (.json), or telemetry of your calls (CSV, JSON lines, OTLP). "
            "[default: all that come with the package]",
        ),
    ] = None,
    *,
    since: SinceOption = None,
    rate: Annotated[str, typer.Option(metavar="RATE", help="Requests per second; more show more precisely.")] = "2/s",
    slo: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Fail if fewer of the requests are served: 99.9%.")
    ] = None,
    vendor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose history or calls they are, where that is not known.")
    ] = None,
    any_model: Annotated[
        bool,
        typer.Option("--any-model", help="Play what hit only other models of your vendors as if it had hit yours."),
    ] = False,
    engine: Annotated[
        Engine,
        typer.Option(
            "--engine",
            help="sim: virtual time, every way in which an incident may have been; live: real sockets and real time, minutes for each "
            "incident that is named, in one way.",
        ),
    ] = Engine.SIM,
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the incidents of a history or of telemetry as files, and play none."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the incidents, and play none.")] = False,
    show_: Annotated[
        str | None, typer.Option("--show", metavar="INCIDENT", help="Draw one incident, and play none.")
    ] = None,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Play real outages against a chain.

    Each is played in every way that the facts about it allow; so each number is a band.
    """
    from rich.console import Console  # noqa: PLC0415 - `harness --help` stays quick

    from harness import experiment  # noqa: PLC0415
    from harness.document import units  # noqa: PLC0415
    from harness.incident.library import all_incidents, find_incident  # noqa: PLC0415
    from harness.report import replay as shown  # noqa: PLC0415
    from harness.report.progress import RunProgress  # noqa: PLC0415

    console = Console()
    if list_ or show_ is not None:
        if as_json:
            show(shown.incidents_as_json(dict([find_incident(show_)]) if show_ else all_incidents()))
        elif show_ is not None:
            shown.show_incident(*find_incident(show_), console)
        else:
            shown.list_incidents(all_incidents(), console)
        return ExitCode.PASS
    if save is not None:
        return _save(
            [name for name in (chain and str(chain), *(incidents or ())) if name], save, vendor, as_json=as_json
        )
    if chain is None:
        raise UsageError("no chain is named", hint="harness replay litellm-config.yaml; --list shows the incidents")
    wanted = None if slo is None else read_as(units.share, slo, "--slo")
    home = home_of(python, litellm, model)
    words = ["harness", "replay", str(chain), *(incidents or ()), "--rate", rate, *home.words, "--engine", engine]
    with RunProgress() as progress, interruptible() as interrupted:
        replayed = experiment.replay(
            chain,
            incidents or (),
            vendor=vendor,
            any_model=any_model,
            since=None if since is None else datetime.fromtimestamp(began_since_s(since), UTC),
            rate=read_as(units.rate_per_s, rate, "--rate"),
            home=home,
            engine=engine,
            reports=reports,
            command=shlex.join(words),
            progress=progress,
            interrupted=interrupted,
        )
    data = experiment.keep_replay(replayed, wanted, reports, progress.say)
    if as_json:
        show(data)
    else:
        shown.print_replay(replayed, wanted, data["page"], console)
    return shown.exit_code(replayed, wanted)


def _save(names: list[str], folder: Path, vendor: str | None, *, as_json: bool) -> int:
    """Write the incidents of histories as files, and name them."""
    from harness.experiment.replays.choosing import is_recorded, save  # noqa: PLC0415 - `harness --help` stays quick

    histories = [Path(name) for name in names if is_recorded(name)]
    if not histories:
        raise UsageError("no history is named", where="--save", hint="harness replay incidents.json --save incidents/")
    written: list[str] = []
    left_out: dict[str, str] = {}
    for history in histories:
        files, others = save(history, folder, vendor)
        written += map(str, files)
        left_out.update(others)
    if as_json:
        show({"files": written, "left_out": left_out})
    else:
        sys.stdout.write("".join(f"{file}\n" for file in written))
        sys.stderr.write("".join(f"left out: {title}: {reason}\n" for title, reason in left_out.items()))
    return ExitCode.PASS
