"""`harness serve`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.app import app
from harness.cli.options import AllowReal, FailOption, Json, MetricsAt
from harness.cli.output import show
from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.edge import ProviderAddress


@app.command(
    epilog="Example: harness serve scenarios/chains/gpt4-azure-claude.yaml --port 8080 --fail openai=429,retry_after=2s"
)
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
    failing: FailOption = None,
    allow_real: AllowReal = False,
    metrics: MetricsAt = None,
    as_json: Json = False,
) -> int:
    """Serve a chain's providers alone, as a fast LLM mock, and print what leads each provider's SDK to it.

    Providers with an `upstream` are passed through instead. Ctrl-C ends it.
    """
    from harness import experiment  # noqa: PLC0415

    def listening(addresses: Sequence[ProviderAddress]) -> None:
        if as_json:
            found = {each.provider: each.base_url for each in addresses}
            show({"providers": found, "sdk": {each.provider: each.sdk for each in addresses}})
        else:
            for each in addresses:
                sys.stdout.write(f"{each.provider}\t{each.base_url}\t{each.sdk}\n")
        sys.stdout.flush()

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    experiment.serve(
        chain,
        provider=provider,
        port=port,
        listening=listening,
        say=say,
        failing=failing or (),
        allow_real=allow_real,
        metrics=metrics,
    )
    return ExitCode.PASS
