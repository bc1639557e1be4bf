"""The application that every command registers itself with, and how it ends."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import harness
from harness import __version__
from harness.cli.output import fail
from harness.errors import ExitCode, HarnessError, UsageError

GROUPS = {
    "Try": ("run", "suite", "explore", "probe", "replay", "tune"),
    "Chain": ("check", "chain", "compare", "doctor"),
    "Look": ("runs", "show", "report", "export"),
    "Host": ("serve", "worker"),
}
"""The commands as `--help` lists them."""


class _Grouped(TyperGroup):
    """Lists the commands by what people come for, and names an interrupt, which typer would end by an exit code alone."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the commands' names in the order of the help."""
        known = super().list_commands(ctx)
        return [name for names in GROUPS.values() for name in names if name in known]

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write a section for each group."""
        for head, names in GROUPS.items():
            commands = [(name, command) for name in names if (command := self.get_command(ctx, name)) is not None]
            width = formatter.width - 6 - max(map(len, self.commands))
            with formatter.section(head):
                formatter.write_dl([(name, command.get_short_help_str(width)) for name, command in commands])

    def invoke(self, ctx: Any) -> Any:
        """Run a command.

        Raises:
            typer.Abort: It was interrupted.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Abort from None


app = typer.Typer(
    name="harness",
    cls=_Grouped,
    help=harness.__doc__,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 pass, 1 fail, 2 bad usage or scenario, 3 inconclusive, 4 harness failure, 130 interrupted.",
)

PARSER_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""What every error of typer's parser is; typer carries a click of its own and has no public name for it."""
_MESSAGE_MAX = 300
_UNWRITTEN = frozenset({errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG})
"""What writing to standard output can end in; errors of files name the file."""


def main() -> None:
    """Run the command line and exit with its status."""
    as_json = "--json" in sys.argv
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - stays open
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a terminal cannot show is escaped: it is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _code_of(as_json=as_json)
        sys.stdout.flush()
    except OSError as problem:
        code = _unwritten(problem)
    sys.exit(code)


def _code_of(*, as_json: bool) -> int:
    """Run the command line; return its status.

    Raises:
        OSError: Standard output cannot be written.
    """
    if sys.argv[1:] == ["--version"]:  # without the parser, which imports pydantic
        sys.stdout.write(f"harness {__version__}\n")
        return ExitCode.PASS
    code: int | None
    try:
        _check_arguments(sys.argv[1:])
        code = app(standalone_mode=False, prog_name="harness")
    except PARSER_ERROR as error:
        text = getattr(error, "format_message", error.__str__)()
        problem = text if len(text) <= _MESSAGE_MAX else text[:_MESSAGE_MAX] + "…"
        context: typer.Context | None = getattr(error, "ctx", None)
        command = context.command_path if context else "harness"
        fail(UsageError(problem, hint=f"{command} --help lists what it takes"), as_json=as_json)
        code = ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        fail(HarnessError("interrupted"), as_json=as_json)
        code = ExitCode.INTERRUPTED
    except HarnessError as error:
        fail(error, as_json=as_json)
        code = error.exit_code
    except SystemExit:  # of the libraries that print, with 1, when nobody reads any more
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
    except Exception as bug:  # never exit 1, which blames the chain
        if isinstance(bug, OSError) and bug.filename is None and bug.errno in _UNWRITTEN:
            raise
        traceback.print_exc()
        hint = "this is a bug in harness: please report it"
        fail(HarnessError(f"{type(bug).__name__}: {bug}", hint=hint), as_json=as_json)
        code = ExitCode.HARNESS
    return int(code or 0)


def _unwritten(problem: OSError) -> int:
    """Return the status of a command whose output was lost; who closed the pipe, as `head` does, wants no message."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python writes what it still holds when it ends
    if problem.errno != errno.EPIPE:
        fail(HarnessError(problem.strerror or str(problem), where="standard output"), as_json=False)
    return ExitCode.HARNESS


def _check_arguments(arguments: list[str]) -> None:
    """Raise a UsageError if an argument is not text: it could be written neither to a file nor to a terminal."""
    for number, argument in enumerate(arguments, start=1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(f"argument {number} is not valid UTF-8 text: {argument!r}") from None


@app.callback(invoke_without_command=True, help=harness.__doc__)
def begin(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Print the version, or the help where no command is given."""
    if version:
        sys.stdout.write(f"harness {harness.__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        raise typer.Exit(ExitCode.USAGE)
