"""`harness probe`: test a fallback without a scenario file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.app import app
from harness.cli.options import (
    AllowReal,
    EngineName,
    FailOption,
    Json,
    LiteLLMAt,
    ModelOption,
    PythonAt,
    Reports,
    home_of,
)
from harness.cli.output import fail, show
from harness.engines import Engine


@app.command(epilog="Example: harness probe litellm-config.yaml --fail primary=429,retry_after=2s")
def probe(
    chain: Annotated[Path, typer.Argument(metavar="CHAIN", help="Chain file or litellm-config.yaml.")],
    *,
    failing: FailOption = None,
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="How many requests, one after the other.")] = 1,
    stream: Annotated[bool, typer.Option("--stream", help="Ask for a stream.")] = False,
    engine: EngineName = Engine.SIM,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    allow_real: AllowReal = False,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Send a request through a chain whose providers fail, and show who was asked when and who served."""
    from rich.console import Console  # noqa: PLC0415 - `harness --help` and `check` stay quick

    from harness.experiment import probe as probed  # noqa: PLC0415
    from harness.report.progress import RunProgress  # noqa: PLC0415
    from harness.report.waterfall import print_request, waterfall  # noqa: PLC0415

    home = home_of(python, litellm, model)
    words = ["harness", "probe", str(chain), *(word for each in failing or () for word in ("--fail", each))]
    words += ["--count", str(count)] if count > 1 else []
    words += ["--stream"] if stream else []
    words += ["--engine", engine] if engine != Engine.SIM else []
    words += home.words
    words += ["--allow-real"] if allow_real else []
    with RunProgress() as progress:
        done = probed(
            chain,
            failing or [],
            reports=reports,
            progress=progress,
            count=count,
            streaming=stream,
            engine=engine,
            home=home,
            allow_real=allow_real,
            command=shlex.join(words),
        )
    if done.result.error is not None:
        fail(done.result.error, as_json=as_json, run=str(done.result.folder.path))
        return done.exit_code
    run = done.result.run
    ids = list(run.requests["request_id"])
    if as_json:
        attempts = {name: [bar._asdict() for bar in waterfall(run, name)] for name in ids}
        show(
            {
                "run": str(done.result.folder.path),
                "complete": done.complete,
                "fired": not done.idle,
                "requests": attempts,
            }
        )
        return done.exit_code
    console = Console()
    console.print(f"{run.plan.chain.drawn} ({run.plan.chain.driver}): {run.plan.title}", highlight=False, markup=False)
    for name in ids:
        print_request(run, name, console)
    if done.idle:
        console.print(f"the fault never fired: {done.idle}", highlight=False, markup=False)
    return done.exit_code
