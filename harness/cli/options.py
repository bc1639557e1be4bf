"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

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

BaselineAt = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="RUN", help="Folder of an earlier run or suite: fail if anything became worse."),
]
SummaryFile = Annotated[
    Path | None,
    typer.Option("--summary", metavar="FILE", help="Append a summary in Markdown; on GitHub the step's, unasked."),
]
