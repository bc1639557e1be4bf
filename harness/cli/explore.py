"""`harness explore`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.app import app
from harness.cli.interrupting import interruptible
from harness.cli.options import Json, LiteLLMAt, ModelOption, PythonAt, Reports, SchedulerAt, home_of, read_as
from harness.cli.output import show
from harness.draw import SEED_MAX
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.chain.home import ChainHome
    from harness.experiment import Explored, Found


@app.command(epilog="Example: harness explore litellm-config.yaml --budget 60s --deadline 30s")
def explore(
    chain: Annotated[Path, typer.Argument(metavar="CHAIN", help="Chain file or litellm-config.yaml.")],
    *,
    budget: Annotated[str, typer.Option(metavar="TIME", help="Time to search.")] = "60s",
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Time that a request may take. [default: the chain's timeout x its providers]"
        ),
    ] = None,
    providers: Annotated[
        str | None, typer.Option(metavar="A,B", help="Providers that may fail and count as healthy. [default: all]")
    ] = None,
    faults: Annotated[int, typer.Option(min=1, max=10, help="Most faults in a timeline.")] = 3,
    seed: Annotated[int, typer.Option(min=0, max=SEED_MAX, help="Determines what is tried, and in which order.")] = 1,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", metavar="NAME", help="Property to break; repeatable. [default: all]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for finds. [default: REPORTS/explore/CHAIN]"),
    ] = None,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    scheduler: SchedulerAt = None,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Search for the fewest faults that break a chain.

    Runs timelines of faults in virtual time, and saves the smallest one that breaks a property as a scenario.
    """
    from harness import experiment  # noqa: PLC0415
    from harness.report.progress import SearchProgress  # noqa: PLC0415
    from harness.scenario import EXPLORED  # noqa: PLC0415

    home = home_of(python, litellm, model)
    progress = SearchProgress()
    with interruptible() as interrupted:
        explored = experiment.explore(
            chain,
            out=out or reports / EXPLORED / chain.stem,
            budget_s=_ns(budget, "--budget") / 1e9,
            deadline=None if deadline is None else _ns(deadline, "--deadline"),
            providers=tuple(filter(None, (name.strip() for name in providers.split(",")))) if providers else (),
            faults=faults,
            seed=seed,
            properties=properties or (),
            progress=progress.show,
            found=lambda each: progress.say(f"found: {each.property}: {each.sentence}"),
            interrupted=interrupted,
            home=home,
            scheduler=scheduler,
            say=progress.say,
        )
    progress.end()
    if as_json:
        show(_as_json(explored))
    else:
        _print(explored, home)
    return explored.exit_code


def _ns(text: str, option: str) -> int:
    """Return the duration after an option, in nanoseconds."""
    from harness.document import duration_ns  # noqa: PLC0415 - `harness --help` stays quick

    ns = read_as(duration_ns, text, option)
    if ns <= 0:
        raise UsageError("expected a duration above 0", where=option, hint="60s")
    return ns


def _as_json(explored: Explored) -> dict[str, Any]:
    return {
        "tried": explored.tried,
        "found": [
            {
                "property": each.property,
                "scenario": str(each.scenario),
                "faults": each.faults,
                "sentence": each.sentence,
            }
            for each in explored.found
        ],
        "streamed": explored.streamed,
        "uncovered": list(explored.uncovered),
    }


def _print(explored: Explored, home: ChainHome) -> None:
    write = sys.stdout.write
    for each in explored.found:
        write(f"{each.property}: {each.sentence}\n{'':4}{_file(each)}\n")
    if explored.interrupted:
        write("interrupted\n")
    if explored.found:
        again = shlex.join(["harness", "run", str(explored.found[0].scenario), "--engine", "sim", *home.words])
        write(f"replay: {again}\n")
    else:
        write("nothing found\n")
    write(f"searched: {explored.searched()}\n")
    for gap in explored.uncovered:
        write(f"not covered: {gap}\n")


def _file(found: Found) -> str:
    size = "one fault" if found.faults == 1 else f"{found.faults} faults"
    more = "" if found.shrunk else "; there was no time left to simplify it"
    return f"{found.scenario} ({size}{more})"
