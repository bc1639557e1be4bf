"""`harness explore`."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic_core import PydanticCustomError

from harness.cli.app import app
from harness.cli.options import Json, Reports
from harness.cli.output import show
from harness.document import duration_ns
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.experiment import Explored, Found


@app.command(epilog="Example: harness explore litellm-config.yaml --budget 60s --deadline 30s")
def explore(
    chain: Annotated[Path, typer.Argument(metavar="CHAIN", help="A chain file or a litellm-config.yaml.")],
    *,
    budget: Annotated[str, typer.Option(metavar="TIME", help="How long to search.")] = "60s",
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="How long a request may take; the chain's timeout for each provider if absent."
        ),
    ] = None,
    providers: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these may fail, and count as healthy; all if absent.")
    ] = None,
    faults: Annotated[int, typer.Option(min=1, max=10, help="How many faults a timeline has at most.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Fixes what is tried, and in which order.")] = 1,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", metavar="NAME", help="Break only this one; may be given several times."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where finds are kept; a folder of the chain's among the reports if absent."),
    ] = None,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Search, in virtual time, for the smallest timeline of faults that breaks a property of the chain."""
    from harness import experiment  # noqa: PLC0415
    from harness.report.progress import SearchProgress  # noqa: PLC0415
    from harness.scenario import EXPLORED  # noqa: PLC0415

    progress = SearchProgress()
    with _interruptible() as interrupted:
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
        )
    progress.end()
    if as_json:
        show(_as_json(explored))
    else:
        _print(explored)
    return explored.exit_code


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C (or SIGTERM) end the search after the run in hand, so that what was found is told; the next one at once."""
    ended = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal ended
        ended = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ns(text: str, option: str) -> int:
    """Return a duration that is longer than none."""
    try:
        ns = duration_ns(text)
    except PydanticCustomError as error:
        raise UsageError(error.message(), where=option, known=(error.context or {}).get("known")) from None
    if ns <= 0:
        raise UsageError("no time at all", where=option, hint="60s")
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
    }


def _print(explored: Explored) -> None:
    write = sys.stdout.write
    for each in explored.found:
        write(f"{each.property}: {each.sentence}\n{'':4}{_file(each)}\n")
    if explored.interrupted:
        write("interrupted\n")
    if explored.found:
        write(f"replay: harness run {shlex.quote(str(explored.found[0].scenario))} --engine sim\n")
    else:
        write("nothing found\n")
    write(f"searched: {explored.searched()}\n")


def _file(found: Found) -> str:
    size = "one fault" if found.faults == 1 else f"{found.faults} faults"
    more = "" if found.steady else "; hangs on chance, so a live run may show it or not"
    if not found.shrunk:
        more = "; no time was left to look for less, or for chance in it"
    return f"{found.scenario} ({size}{more})"
