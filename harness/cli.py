"""The command line: parse, call one function of `experiment`, print, exit."""

from __future__ import annotations

import json
import shlex
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from harness import __version__
from harness.errors import ExitCode, HarnessError, UsageError

if TYPE_CHECKING:
    from harness.experiment import RunResult
    from harness.report.scorecard import Scorecard

app = typer.Typer(
    name="harness",
    help="Find out what your LLM fallback chain does before your provider's outage shows you.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 pass, 1 fail, 2 bad usage or scenario, 3 inconclusive, 4 the harness failed, 130 interrupted.",
)

PARSER_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""What every error of typer's parser is; typer carries a click of its own and has no public name for it."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
Reports = Annotated[Path, typer.Option("--reports", metavar="DIR", help="Folder of all runs.")]
ChainFile = Annotated[
    Path | None,
    typer.Option("--chain", metavar="FILE", help="A chain file or a litellm-config.yaml, in place of the scenario's."),
]
AllowReal = Annotated[
    bool, typer.Option("--allow-real", help="Let providers with an `upstream` be called for real: this costs money.")
]
EngineName = Annotated[
    Literal["live", "sim"],
    typer.Option("--engine", help="`live` on real parts, `sim` in virtual time: seconds, and always the same."),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="In place of the scenario's.")]


def main() -> None:
    """Run the command line and exit with its status."""
    as_json = "--json" in sys.argv
    try:
        code = app(standalone_mode=False)
    except PARSER_ERROR as error:
        fail(UsageError(str(error), hint="harness --help lists commands and options"), as_json=as_json)
        code = ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        fail(HarnessError("interrupted"), as_json=as_json)
        code = ExitCode.INTERRUPTED
    except HarnessError as error:
        fail(error, as_json=as_json)
        code = error.exit_code
    except Exception as bug:  # never exit 1, which blames the chain
        traceback.print_exc()
        fail(
            HarnessError(f"{type(bug).__name__}: {bug}", hint="a bug of the harness: please report it"), as_json=as_json
        )
        code = ExitCode.HARNESS
    sys.exit(int(code or 0))


def fail(error: HarnessError, *, as_json: bool, **rest: Any) -> None:
    """Tell an error: to people on stderr, to programs on stdout."""
    if as_json:
        show({"error": {"problem": error.problem, "where": error.where, "hint": error.hint}, **rest})
    sys.stderr.write(f"error: {error}\n")


def show(data: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")


@app.callback(invoke_without_command=True)
def begin(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Find out what your LLM fallback chain does before your provider's outage shows you."""
    if version:
        sys.stdout.write(f"harness {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        raise typer.Exit(ExitCode.USAGE)


@app.command(epilog="Example: harness run scenarios/primary-429.yaml --chain litellm-config.yaml")
def run(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file.")],
    *,
    chain: ChainFile = None,
    seed: Seed = None,
    engine: EngineName = "live",
    allow_real: AllowReal = False,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Run a scenario, live or in virtual time, and give the verdict."""
    from harness import experiment  # noqa: PLC0415 - `harness --help` and `check` stay quick
    from harness.report.progress import RunProgress  # noqa: PLC0415

    with RunProgress() as progress:
        result = experiment.run(
            scenario,
            chain=chain,
            seed=seed,
            reports=reports,
            progress=progress,
            command=_command(scenario, chain, seed, allow_real=allow_real, engine=engine),
            allow_real=allow_real,
            engine=engine,
        )
    return _tell(result, as_json=as_json)


def _tell(result: RunResult, *, as_json: bool) -> int:
    """Print what a run came to; return the exit status."""
    from harness.report.terminal import print_run  # noqa: PLC0415

    if result.error is not None:
        fail(result.error, as_json=as_json, run=str(result.folder.path))
        sys.stderr.write(f"  kept: {result.folder.path}\n  to see it: harness report {result.folder.path}\n")
    elif as_json:
        show({"run": str(result.folder.path), "verdict": result.folder.verdict()})
    else:
        print_run(result.run)
    return result.exit_code


def _command(scenario: Path, chain: Path | None, seed: int | None, *, allow_real: bool, engine: str) -> str:
    words = ["harness", "run", str(scenario)]
    words += ["--engine", engine] if engine != "live" else []
    words += ["--chain", str(chain)] if chain else []
    words += ["--seed", str(seed)] if seed is not None else []
    words += ["--allow-real"] if allow_real else []
    return shlex.join(words)


@app.command(epilog="Example: harness suite scenarios --chain litellm-config.yaml --repeat 5 --junit scorecard.xml")
def suite(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Scenario files, and folders of them.")],
    *,
    chain: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A chain to try, in place of the scenarios' own; may be given several times."
        ),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Runs of each cell, each with the next seed.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, help="The first seed, in place of the scenario's.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs side by side at most; as many as the machine can bear if absent.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of a suite that was cut short: go on with it.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the JUnit file here too.")] = None,
    allow_real: AllowReal = False,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Run every scenario on every chain, side by side, and write the scorecard."""
    from harness import experiment  # noqa: PLC0415
    from harness.report.progress import RunProgress  # noqa: PLC0415

    with RunProgress() as progress:
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
            command=_suite_command(paths, chain or [], repeat, seed, allow_real=allow_real),
            allow_real=allow_real,
        )
    return _tell_suite(card, as_json=as_json)


def _suite_command(paths: list[Path], chains: list[Path], repeat: int, seed: int | None, *, allow_real: bool) -> str:
    words = ["harness", "suite", *map(str, paths), *(word for path in chains for word in ("--chain", str(path)))]
    words += ["--repeat", str(repeat)] if repeat > 1 else []
    words += ["--seed", str(seed)] if seed is not None else []
    words += ["--allow-real"] if allow_real else []
    return shlex.join(words)


def _tell_suite(card: Scorecard, *, as_json: bool) -> int:
    """Print the scorecard; return the exit status."""
    from harness.report.terminal import print_scorecard  # noqa: PLC0415

    if as_json:
        show(card.as_json())
    else:
        print_scorecard(card)
    return card.exit_code


@app.command(epilog="Example: harness check scenarios/*.yaml")
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Scenario files, chain files or litellm configs.")
    ],
    *,
    chain: ChainFile = None,
    as_json: Json = False,
) -> int:
    """Say whether files are right, without running anything."""
    from harness import experiment  # noqa: PLC0415

    checked = [experiment.check(path, chain=chain) for path in files]
    for result in checked:
        if result.error is not None:
            sys.stderr.write(f"error: {result.error}\n")
        elif not as_json:
            sys.stdout.write(f"ok: {result.path}: {result.summary}\n")
        for warning in result.warnings:
            sys.stderr.write(f"warning: {result.path}: {warning}\n")
    if as_json:
        show({"files": [result.as_json() for result in checked]})
    return ExitCode.USAGE if any(result.error for result in checked) else ExitCode.PASS


@app.command(epilog="Example: harness report reports/latest")
def report(
    run: Annotated[Path | None, typer.Argument(metavar="RUN", help="Folder of a run; the latest if absent.")] = None,
    *,
    reports: Reports = Path("reports"),
    as_json: Json = False,
) -> int:
    """Judge a kept run anew and write its report, even one whose runner was killed."""
    from harness import experiment  # noqa: PLC0415
    from harness.report.progress import RunProgress  # noqa: PLC0415

    with RunProgress() as progress:
        result = experiment.report(run, reports=reports, progress=progress)
    return _tell(result, as_json=as_json)


@app.command(epilog="Example: harness serve scenarios/chains/gpt4-azure-claude.yaml --provider openai --port 8080")
def serve(
    chain: Annotated[Path, typer.Argument(metavar="CHAIN", help="A chain file or a litellm-config.yaml.")],
    *,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Only this one of its providers.")] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Where it listens, further providers on the next ports; any free ones if absent."
        ),
    ] = None,
    allow_real: AllowReal = False,
    as_json: Json = False,
) -> int:
    """Serve the providers alone: a plain, fast LLM mock, or a pass-through to real ones. Ends with Ctrl-C."""
    from harness import experiment  # noqa: PLC0415

    def listening(addresses: dict[str, str]) -> None:
        if as_json:
            show({"providers": addresses})
        else:
            for name, address in addresses.items():
                sys.stdout.write(f"{name}\t{address}\n")
        sys.stdout.flush()

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    experiment.serve(chain, provider=provider, port=port, listening=listening, say=say, allow_real=allow_real)
    return ExitCode.PASS


@app.command(epilog="Example: harness doctor")
def doctor(*, as_json: Json = False) -> int:
    """Say what this machine has, which Toxiproxy a run would use and why, and what to do if none works."""
    from harness import experiment  # noqa: PLC0415

    checks = experiment.doctor()
    healthy = not any(check.needed and not check.ok for check in checks)
    if as_json:
        show({"ok": healthy, "checks": [check.as_json() for check in checks]})
    else:
        for line in checks:
            mark = "ok" if line.ok else "MISSING" if line.needed else "--"
            sys.stdout.write(f"{mark:8}{line.name}: {line.detail}\n")
            if line.hint and not line.ok:
                sys.stdout.write(f"{'':8}hint: {line.hint}\n")
    return ExitCode.PASS if healthy else ExitCode.HARNESS
