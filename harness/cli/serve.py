"""`harness serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.app import app
from harness.cli.options import AllowReal, Json
from harness.cli.output import show
from harness.errors import ExitCode


@app.command(epilog="Example: harness serve scenarios/chains/gpt4-azure-claude.yaml --provider openai --port 8080")
def serve(
    chain: Annotated[Path, typer.Argument(metavar="CHAIN", help="Chain file or litellm-config.yaml.")],
    *,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Serve only this provider.")] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port of the first provider; the others use the next ones. [default: free ports]"
        ),
    ] = None,
    allow_real: AllowReal = False,
    as_json: Json = False,
) -> int:
    """Serve a chain's providers alone, as a fast LLM mock.

    Providers with an `upstream` are passed through instead. Ctrl-C ends it.
    """
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
