"""`harness run` and `harness report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import github
from harness.cli.app import app
from harness.cli.compare import exit_code, print_compared, regressions
from harness.cli.options import (
    AllowReal,
    BaselineAt,
    ChainOfRun,
    EngineName,
    ExpectWorkers,
    Json,
    LiteLLMAt,
    LocustUi,
    MasterAt,
    MetricsAt,
    ModelOption,
    PythonAt,
    QuietOption,
    Reports,
    Seed,
    SummaryFile,
    Workers,
    command_line,
    home_of,
)
from harness.cli.output import fail, show
from harness.cli.watching import watching
from harness.engines import Engine

if TYPE_CHECKING:
    from harness.experiment import RunResult
    from harness.report.comparison import Compared


@app.command(epilog="Example: harness run scenarios/primary-429.yaml --chain litellm-config.yaml")
def run(
    scenario: Annotated[
        Path, typer.Argument(metavar="SCENARIO", help="Scenario file, or a shipped one: smoke/refused.yaml.")
    ],
    *,
    chain: ChainOfRun = None,
    seed: Seed = None,
    engine: EngineName = Engine.LIVE,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    allow_real: AllowReal = False,
    workers: Workers = 0,
    expect_workers: ExpectWorkers = 0,
    master: MasterAt = None,
    locust_ui: LocustUi = False,
    baseline: BaselineAt = None,
    summary: SummaryFile = None,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Make no page; `harness report` makes it later.")
    ] = False,
    reports: Reports = Path("reports"),
    metrics: MetricsAt = None,
    quiet: QuietOption = False,
    as_json: Json = False,
) -> int:
    """Run a scenario and print the verdict."""
    from harness import experiment  # noqa: PLC0415 - `harness --help` and `check` stay quick

    home = home_of(python, litellm, model)
    setup = experiment.load_setup(engine, workers=workers, expected=expect_workers, master=master, web_ui=locust_ui)
    earlier = experiment.Baseline.open(baseline) if baseline else None
    with watching(metrics, command="run", quiet=quiet) as (progress, watch):
        result = experiment.run(
            scenario,
            chain=chain,
            seed=seed,
            reports=reports,
            progress=progress,
            command=command_line(
                "run",
                scenario,
                chains=[chain] if chain else [],
                seed=seed,
                home=home,
                allow_real=allow_real,
                engine=engine,
                load=setup.words,
            ),
            allow_real=allow_real,
            engine=engine,
            home=home,
            page=not no_report,
            setup=setup,
            watch=watch,
        )
    ended = result.error is None
    compared = experiment.compare_with(earlier, result.folder.path) if earlier and ended else None
    if ended:
        github.publish_run(result.run, scenario, compared, summary)
    return print_result(result, compared, as_json=as_json)


def print_result(result: RunResult, compared: Compared | None = None, *, as_json: bool) -> int:
    """Print the result of a run, and what got worse; return the exit status."""
    from harness.report.terminal import print_run  # noqa: PLC0415

    if result.error is not None:
        fail(result.error, as_json=as_json, run=str(result.folder.path))
        sys.stderr.write(f"  saved: {result.folder.path}\n  to view it: harness report {result.folder.path}\n")
    elif as_json:
        chain = result.run.environment.get("chain")
        answer = {"run": str(result.folder.path), "verdict": result.folder.verdict(), "chain": chain}
        show(answer | regressions(compared))
    else:
        print_run(result.run)
        print_compared(compared)
    return exit_code(result.exit_code, compared)


@app.command(epilog="Example: harness report reports/latest --open")
def report(
    run: Annotated[Path | None, typer.Argument(metavar="RUN", help="Folder of a run. [default: the latest]")] = None,
    *,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also print it as report.pdf, by a Chromium or $CHROME.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in your browser.")] = False,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Re-evaluate a saved run and write its report.

    Also works for a run that was killed.
    """
    from harness import experiment  # noqa: PLC0415
    from harness.report.progress import RunProgress  # noqa: PLC0415

    with RunProgress() as progress:
        result = experiment.report(run, reports=reports, progress=progress, pdf=pdf)
    code = print_result(result, as_json=as_json)
    if open_page:
        _open(result.folder.report)
    return code


def _open(page: Path) -> None:
    """Open a page in the user's browser; where there is none, print its address."""
    import webbrowser  # noqa: PLC0415 - for this option alone

    if not webbrowser.open(page.as_uri()):
        sys.stderr.write(f"no browser was found; the page is {page.as_uri()}\n")
