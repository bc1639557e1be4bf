"""`harness chain new`, `export` and `apply`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.app import app
from harness.cli.options import Json, LiteLLMAt, ModelOption, PythonAt, home_of
from harness.cli.output import show
from harness.errors import ExitCode, UsageError

chain = typer.Typer(name="chain", help="Begin a chain file, write it as LiteLLM's configuration, put that in place.")
app.add_typer(chain)


@chain.command(
    epilog="Example: harness chain new my-chain.yaml --provider openai/gpt-4o --provider anthropic/claude-sonnet-4"
)
def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The chain file to write; nothing may be there yet.")],
    *,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            metavar="[NAME=]VENDOR/MODEL",
            help="As LiteLLM writes it: openai/gpt-4o, or fast=openai/gpt-4o to name it. May be repeated: the first is asked first. "
            "[default: OpenAI, Azure, Anthropic]",
        ),
    ] = None,
    driver: Annotated[
        str,
        typer.Option(metavar="NAME", help="How it is hosted: litellm-router, litellm-proxy, openai-sdk, reference."),
    ] = "litellm-router",
    as_json: Json = False,
) -> int:
    """Write a chain file to begin with. It is never written over another file."""
    from harness import experiment  # noqa: PLC0415

    text = experiment.new_chain(path, provider or (), driver)
    if as_json:
        show({"file": str(path.absolute())})
    else:
        sys.stdout.write(f"{text}\nwritten: {path}\n")
        sys.stdout.write(f"next: harness check {path}, harness probe {path} --fail primary=429\n")
    return ExitCode.PASS


@chain.command(epilog="Example: harness chain export my-chain.yaml --to litellm-config.yaml")
def export(
    path: Annotated[Path, typer.Argument(metavar="CHAIN", help="Chain file of litellm-router or litellm-proxy.")],
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FILE", help="Write it here; a file that exists keeps all that the chain does not name."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Write a chain file as LiteLLM's configuration; print it without --to."""
    from harness import experiment  # noqa: PLC0415

    done = experiment.export_chain(path, to)
    for warning in done.warnings:
        sys.stderr.write(f"warning: {path}: {warning}\n")
    if as_json:
        text = None if to is not None else done.after.decode()
        file = None if to is None else str(to.absolute())
        show({"file": file, "configuration": text, "warnings": list(done.warnings)})
    elif to is None:
        sys.stdout.write(done.after.decode())
    else:
        sys.stdout.write(f"{'unchanged' if done.before == done.after else 'written'}: {to}\n")
    return ExitCode.PASS


@chain.command(epilog="Example: harness chain apply my-chain.yaml --to /etc/litellm/litellm-config.yaml --dry-run")
def apply(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Chain file, whose settings are merged into the other file, or a litellm-config.yaml, which replaces it.",
        ),
    ] = None,
    *,
    to: Annotated[Path, typer.Option("--to", metavar="CONFIG", help="The litellm-config.yaml of the gateway.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, show the difference, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last apply back; without FILE.")] = False,
    reload: Annotated[
        str | None,
        typer.Option(
            "--reload",
            metavar="COMMAND",
            help="Run this once the file is in place, without a shell: 'docker restart litellm'. It must end when the old gateway "
            "has. If it fails, or the gateway is not healthy after it, the old file is put back and the command run again.",
        ),
    ] = None,
    health: Annotated[
        str | None,
        typer.Option(
            "--health",
            metavar="URL",
            help="For --reload: the health page of the running gateway, which must answer 200 with JSON within 60 s. "
            "[default: http://127.0.0.1:4000/health/readiness, where LiteLLM's proxy answers without a key]",
        ),
    ] = None,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    as_json: Json = False,
) -> int:
    """Put a configuration in place of a gateway's: checked, shown, tried on LiteLLM's proxy, with a backup and a log.

    Exit codes: 0 it is in place, 1 the proxy does not come up with it or you said no, 2 it was not tried.
    """
    from harness import experiment  # noqa: PLC0415

    if (source is None) != undo:
        raise UsageError("name the file to apply, or --undo" if source is None else "--undo takes no file")
    if undo and (python or litellm or model):
        raise UsageError("--undo tries nothing, so it takes no --python, --litellm or --model")
    reloading = experiment.reload_with(reload, health)
    proposal = (
        experiment.previous(to) if source is None else experiment.propose(source, to, home_of(python, litellm, model))
    )
    for warned in proposal.warnings:
        _say(f"warning: {warned.where}: {warned.text}")
    for text in proposal.untried:
        _say(f"not in the trial: {text}")
    diff = proposal.diff()
    if not as_json:
        sys.stdout.write("".join(f"{line}\n" for line in diff) or f"{proposal.path} holds this already\n")
        sys.stdout.flush()
    backup = None
    if proposal.new and not dry_run:
        tried = experiment.trial_host(proposal)
        if not yes and not _agreed(proposal.path, as_json=as_json):
            _say("nothing was changed")
            return ExitCode.FAIL
        backup = experiment.apply(proposal, tried, reloading, _say)
    if as_json:
        show(
            {
                "file": str(proposal.path),
                "applied": proposal.new and not dry_run,
                "backup": None if backup is None else str(backup),
                "changed": proposal.changed(),
                "diff": diff,
                "warnings": [{"where": each.where, "text": each.text} for each in proposal.warnings],
            }
        )
    return ExitCode.PASS


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _agreed(path: Path, *, as_json: bool) -> bool:
    """Ask whether a file may be changed."""
    if as_json or not sys.stdin.isatty():
        hint = "--yes applies it, --dry-run only shows it"
        raise UsageError("nobody can be asked here: nothing was changed", hint=hint)
    return typer.confirm(f"apply this to {path}?", err=True)
