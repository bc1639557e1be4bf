"""`harness suite`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import github
from harness.cli.app import app
from harness.cli.compare import exit_code, print_compared, regressions
from harness.cli.options import (
    AllowReal,
    BaselineAt,
    EngineName,
    Json,
    LiteLLMAt,
    MetricsAt,
    ModelOption,
    PythonAt,
    QuietOption,
    Reports,
    SchedulerAt,
    SummaryFile,
    command_line,
    home_of,
)
from harness.cli.output import show
from harness.cli.watching import watching
from harness.draw import SEED_MAX
from harness.engines import Engine

if TYPE_CHECKING:
    from harness.report.comparison import Compared
    from harness.report.scorecard import Scorecard


@app.command(
    epilog="Example: harness suite smoke --chain litellm-config.yaml --engine sim --repeat 10 --junit scorecard.xml"
)
def suite(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH…", help="Scenario files, folders of them, or shipped ones: smoke, catalogue."),
    ],
    *,
    chain: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", envvar="HARNESS_CHAIN", help="Chain to test instead of the scenarios' own; repeatable."
        ),
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=1, max=1000, help="Runs of each scenario on each chain, each with the next seed.")
    ] = 1,
    seed: Annotated[int | None, typer.Option(min=0, max=SEED_MAX, help="First seed; overrides the scenario's.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Most runs at a time. [default: what the machine can handle]")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of an interrupted suite: finish it.")
    ] = None,
    engine: EngineName = Engine.LIVE,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    scheduler: SchedulerAt = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the JUnit file here.")] = None,
    allow_real: AllowReal = False,
    baseline: BaselineAt = None,
    summary: SummaryFile = None,
    reports: Reports = Path("reports"),
    metrics: MetricsAt = None,
    quiet: QuietOption = False,
    as_json: Json = False,
) -> int:
    """Run scenarios on chains and write the scorecard."""
    from harness import experiment  # noqa: PLC0415

    home = home_of(python, litellm, model)
    earlier = experiment.Baseline.open(baseline) if baseline else None
    with watching(metrics, command="suite", quiet=quiet) as (progress, watch):
        card = experiment.suite(
            paths,
            chains=chain or (),
            repeat=repeat,
            seed=seed,
            most=jobs,
            resume=resume,
            junit_file=junit,
            reports=reports,
            progress=progress,
            command=command_line(
                "suite",
                *paths,
                chains=chain or [],
                repeat=repeat,
                seed=seed,
                home=home,
                allow_real=allow_real,
                engine=engine,
            ),
            allow_real=allow_real,
            engine=engine,
            home=home,
            watch=watch,
            scheduler=scheduler,
        )
    compared = experiment.compare_with(earlier, Path(card.path), junit_file=junit) if earlier else None
    github.publish_suite(card, compared, summary)
    return _print_suite(card, compared, as_json=as_json)


def _print_suite(card: Scorecard, compared: Compared | None, *, as_json: bool) -> int:
    """Print the scorecard, and what got worse; return the exit status."""
    from harness.report.terminal import print_scorecard  # noqa: PLC0415

    if as_json:
        show(card.as_json() | regressions(compared))
    else:
        print_scorecard(card)
        print_compared(compared)
    return exit_code(card.exit_code, compared)
