"""The application that every command registers itself with, and how it ends."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from harness import __version__
from harness.cli.output import fail
from harness.errors import ExitCode, HarnessError, UsageError

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
