"""`harness check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.app import app
from harness.cli.options import ChainOption, Json, LiteLLMAt, ModelOption, PythonAt, home_of
from harness.cli.output import show
from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.experiment.validation import Warned


@app.command(epilog="Example: harness check litellm-config.yaml")
def check(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Scenarios, chain files, LiteLLM configurations, or folders of them."),
    ],
    *,
    chain: ChainOption = None,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if something is probably not meant.")] = False,
    as_json: Json = False,
) -> int:
    """Validate files without running anything, and show what a chain does when its providers fail."""
    from harness import experiment  # noqa: PLC0415
    from harness.scenario.shipped import named  # noqa: PLC0415

    home = home_of(python, litellm, model)
    checked = [result for path in files for result in experiment.check(path, chain=chain, home=home)]
    if as_json:
        show({"files": [result.as_json() for result in checked]})
    described: set[tuple[str, ...]] = set()
    for result in checked:
        if result.error is not None:
            sys.stderr.write(f"error: {result.error}\n")
        elif not as_json:
            sys.stdout.write(f"ok: {named(result.path)}: {result.summary}\n")
            lines = tuple(result.lines()) if result.of_chain or chain is not None else ()
            if lines not in described:
                described.add(lines)
                sys.stdout.write("".join(f"    {line}\n" for line in lines))
    shown: dict[tuple[str, str], Warned] = {}
    for result in checked:
        for warned in result.warnings:
            shown.setdefault(warned.same_as, warned)
    for warned in sorted(shown.values(), key=lambda each: each.advice is None):
        sys.stderr.write(f"{'note' if warned.advice is None else 'warning'}: {warned.where}: {warned.text}\n")
    if any(result.error for result in checked):
        return ExitCode.USAGE
    advised = any(warned.advice is not None for result in checked for warned in result.warnings)
    return ExitCode.FAIL if strict and advised else ExitCode.PASS
