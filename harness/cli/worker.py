"""`harness worker`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from harness.cli.app import app
from harness.cli.options import Json
from harness.cli.output import show
from harness.errors import ExitCode


@app.command(epilog="Example: harness worker --master 10.0.0.5:5557")
def worker(
    *,
    master: Annotated[str, typer.Option("--master", metavar="HOST:PORT", help="Where `harness run` listens.")],
    as_json: Json = False,
) -> int:
    """Send a share of a run's load from this machine: join a `harness run … --expect-workers N`.

    The variable HARNESS_TOKEN must hold the same text on both sides. It ends with the run.
    """
    from harness import experiment  # noqa: PLC0415 - `harness --help` stays quick

    name = ""

    def joined(given: str) -> None:
        nonlocal name
        name = given
        sys.stderr.write(f"joined as {name}\n")

    done = experiment.join(master, joined=joined)
    if as_json:
        show({"worker": name, "sent": done.sent, "ok": done.ok})
    else:
        sys.stdout.write(f"{name} sent {done.sent} requests, {done.ok} ok\n")
    return ExitCode.PASS
