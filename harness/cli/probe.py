"""`harness probe`: test a fallback without a scenario file."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

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
from harness.engines import Engine, Progress, Quiet
from harness.provider.kinds import Kind

if TYPE_CHECKING:
    from harness.experiment.probing import Probed


@app.command(epilog="Example: harness probe litellm-config.yaml --fail primary=429,retry_after=2s")
def probe(
    chain: Annotated[Path, typer.Argument(metavar="CHAIN", help="Chain file or litellm-config.yaml.")],
    *,
    failing: FailOption = None,
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="How many requests, one after the other.")] = 1,
    stream: Annotated[bool, typer.Option("--stream", help="Ask for a stream.")] = False,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", help="What to ask. It is kept with the run.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help=f"What to ask for: {', '.join(get_args(Kind))}.")
    ] = "chat",
    engine: EngineName = Engine.SIM,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    allow_real: AllowReal = False,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Send a request through a chain whose providers fail, and show who was asked when and who served."""
    from harness.experiment import probe as probed  # noqa: PLC0415 - `harness --help` and `check` stay quick

    home = home_of(python, litellm, model)
    words = ["harness", "probe", str(chain), *(word for each in failing or () for word in ("--fail", each))]
    words += ["--count", str(count)] if count > 1 else []
    words += ["--stream"] if stream else []
    words += [] if prompt is None else ["--prompt", prompt]
    words += ["--kind", kind] if kind != "chat" else []
    words += ["--engine", engine] if engine != Engine.SIM else []
    words += home.words
    words += ["--allow-real"] if allow_real else []
    with _progress(engine) as progress:
        done = probed(
            chain,
            failing or [],
            reports=reports,
            progress=progress,
            count=count,
            streaming=stream,
            prompt=prompt,
            kind=kind,
            engine=engine,
            home=home,
            allow_real=allow_real,
            command=shlex.join(words),
        )
    if done.result.error is not None:
        fail(done.result.error, as_json=as_json, run=str(done.result.folder.path))
    else:
        _print(done, as_json=as_json)
    return done.exit_code


def _progress(engine: Engine) -> AbstractContextManager[Progress]:
    """Return what shows how far a run is: one in virtual time is over at once."""
    if engine == Engine.SIM:
        return nullcontext(Quiet())
    from harness.report.progress import RunProgress  # noqa: PLC0415 - it brings pandas along

    return RunProgress()


def _print(done: Probed, *, as_json: bool) -> None:
    from rich.console import Console  # noqa: PLC0415

    from harness.report.console import line  # noqa: PLC0415
    from harness.report.waterfall import print_request, stories  # noqa: PLC0415

    run = done.result.run
    found = stories(run, [arrival.request_id for arrival in run.plan.arrivals])
    if as_json:
        kept = str(done.result.folder.path)
        requests = {story.request_id: story.as_json() for story in found}
        show({"run": kept, "complete": done.complete, "fired": not done.idle, "requests": requests})
        return
    console = Console()
    line(console, f"{run.plan.chain.drawn} ({run.plan.chain.driver}): {run.plan.title}")
    for story in found:
        print_request(story, console)
    if done.idle:
        line(console, f"the fault never fired: {done.idle}")
