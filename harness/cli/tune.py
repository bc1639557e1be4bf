"""`harness tune`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.app import app
from harness.cli.interrupting import interruptible
from harness.cli.options import Json, LiteLLMAt, ModelOption, PythonAt, Reports, home_of, read_as
from harness.cli.output import show
from harness.draw import SEED_MAX
from harness.errors import ExitCode, UsageError
from harness.incident.objective import Objective

_OF_A_SEARCH = (
    "against",
    "objective",
    "budget",
    "trials",
    "deadline",
    "rate",
    "seed",
    "prove",
    "python",
    "litellm",
    "model",
    "reports",
)
"""Options that say nothing where a run is tried again."""


@app.command(epilog="Example: harness tune litellm-config.yaml --budget 10m")
def tune(
    context: typer.Context,
    chain: Annotated[
        Path | None,
        typer.Argument(
            metavar="CHAIN", help="Chain file or litellm-config.yaml. With --run, by default that of the run's command."
        ),
    ] = None,
    *,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="In place of incidents: this run's folder. Simulates it again with one setting changed at a time.",
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="An incident, a scenario, a file or folder of your own, or a status page's history; repeatable. [default: all incidents "
            "that come with the package]",
        ),
    ] = None,
    objective: Annotated[
        Objective,
        typer.Option(
            help="What is to be small: time unserved, wait for an answer, its cost, or load of the broken provider."
        ),
    ] = Objective.UNSERVED,
    budget: Annotated[
        str, typer.Option(metavar="TIME", help="Time to try candidates in; checking the best comes after.")
    ] = "10m",
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Try so many candidates in place of that; repeats exactly.")
    ] = None,
    deadline: Annotated[str, typer.Option(metavar="TIME", help="How long callers wait for an answer.")] = "30s",
    rate: Annotated[str, typer.Option(metavar="RATE", help="Requests per second.")] = "2/s",
    seed: Annotated[int, typer.Option(min=0, max=SEED_MAX, help="Determines what is tried.")] = 1,
    prove: Annotated[
        bool,
        typer.Option(
            "--prove",
            help="Then play one incident on real parts with the file as it is, the suggestion and one more: minutes for each.",
        ),
    ] = False,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Search for the settings with which real outages would have cost the least.

    Tries settings in virtual time, suggests a change of your own file, and checks it on incidents that it was not tuned on.
    With --run, writes into the run's folder which single setting would have helped; its page shows it beside the usual remedies.
    """
    if run is not None:
        sources = {name: context.get_parameter_source(name) for name in _OF_A_SEARCH}
        if others := [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]:
            raise UsageError("does not go with --run", where=f"--{others[0]}", hint=f"harness tune --run {run}")
        return _remedies(run, chain, as_json=as_json)
    if chain is None:
        raise UsageError("no chain is named", hint="harness tune litellm-config.yaml, or --run RUN")
    from rich.console import Console  # noqa: PLC0415 - `harness --help` stays quick

    from harness import experiment  # noqa: PLC0415
    from harness.document import units  # noqa: PLC0415
    from harness.report import tune as shown  # noqa: PLC0415
    from harness.report.progress import RunProgress  # noqa: PLC0415

    options = experiment.TuneOptions(
        against=against or (),
        objective=objective,
        deadline_ns=read_as(units.duration_ns, deadline, "--deadline"),
        rate=read_as(units.rate_per_s, rate, "--rate"),
        budget_s=read_as(units.duration_ns, budget, "--budget") / 1e9,
        trials=trials,
        seed=seed,
        prove=prove,
        home=home_of(python, litellm, model),
    )
    with RunProgress() as progress, interruptible() as interrupted:
        tuned, folder = experiment.tune(
            chain, reports, options, progress=progress, command=f"harness tune {chain} --prove", interrupted=interrupted
        )
    data = experiment.keep_tuning(tuned, folder, reports, progress.say)
    if as_json:
        show(data)
    else:
        shown.print_tuned(tuned, folder, Console())
    return shown.exit_code(tuned)


def _remedies(run: Path, chain: Path | None, *, as_json: bool) -> int:
    """Measure which single setting would have helped a run."""
    from rich.console import Console  # noqa: PLC0415 - `harness --help` stays quick

    from harness import experiment  # noqa: PLC0415
    from harness.report.progress import RunProgress  # noqa: PLC0415
    from harness.report.remedies import print_remedies  # noqa: PLC0415

    with RunProgress() as progress, interruptible() as interrupted:
        folder, found = experiment.measure_remedies(run, chain, progress=progress, interrupted=interrupted)
    code = ExitCode.INTERRUPTED if interrupted() else ExitCode.PASS
    if as_json:
        helpful = [each.label for each in found.helpful]
        show({"run": str(folder.path), **dataclasses.asdict(found), "helpful": helpful, "exit_code": code})
    else:
        print_remedies(found, Console())
    return code
