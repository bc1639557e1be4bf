"""Options that several commands have."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from harness.draw import SEED_MAX
from harness.engines import Engine
from harness.errors import UsageError

T = TypeVar("T")

WORKERS_MAX = 1000

if TYPE_CHECKING:
    from harness.chain.home import ChainHome

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
Reports = Annotated[Path, typer.Option("--reports", metavar="DIR", help="Folder where runs are saved.")]
_CHAIN_HELP = "Chain file or litellm-config.yaml; overrides the scenario's chain."
ChainOption = Annotated[Path | None, typer.Option("--chain", metavar="FILE", help=_CHAIN_HELP)]
ChainOfRun = Annotated[Path | None, typer.Option("--chain", metavar="FILE", envvar="HARNESS_CHAIN", help=_CHAIN_HELP)]
AllowReal = Annotated[
    bool, typer.Option("--allow-real", help="Allow calls to real providers (those with an `upstream`). Costs money.")
]
FailOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail", metavar="NAME=FAULT", help="What fails: openai=429, primary=refused, azure=cut. May be repeated."
    ),
]
EngineName = Annotated[
    Engine,
    typer.Option("--engine", help="live: real sockets and real time; sim: virtual time, seconds per run, repeatable."),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, max=SEED_MAX, help="Overrides the scenario's seed.")]
PythonAt = Annotated[
    Path | None,
    typer.Option("--python", metavar="PATH", help="Interpreter in which the chain runs; overrides the chain file's."),
]
LiteLLMAt = Annotated[
    str | None,
    typer.Option(
        "--litellm", metavar="VERSION", help="Build an environment with this LiteLLM, and run the chain in it."
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="What callers ask for; goes with a litellm-config.yaml, or a chain file with `chains`.",
    ),
]

Workers = Annotated[
    int,
    typer.Option(
        "--workers", min=0, max=WORKERS_MAX, metavar="N", help="Spread the load over N processes of this machine."
    ),
]
ExpectWorkers = Annotated[
    int,
    typer.Option(
        "--expect-workers",
        min=0,
        max=WORKERS_MAX,
        metavar="N",
        help="Wait for N workers that join by `harness worker`.",
    ),
]
MasterAt = Annotated[
    str | None,
    typer.Option("--master", metavar="HOST:PORT", help="Where workers join. [default: any free port of 127.0.0.1]"),
]
LocustUi = Annotated[bool, typer.Option("--locust-ui", help="Serve Locust's own web UI on this machine while it runs.")]
SchedulerAt = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="Simulate on the workers of this Dask scheduler. [default: on the cores of this machine]",
    ),
]
MetricsAt = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        envvar="HARNESS_METRICS",
        metavar="[HOST:]PORT",
        help="Serve /metrics (Prometheus) and /health here until the command ends; a port alone is on 127.0.0.1.",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress, only warnings and the result.")]
BaselineAt = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="RUN", help="Folder of an earlier run or suite: fail if something got worse."),
]
SummaryFile = Annotated[
    Path | None,
    typer.Option("--summary", metavar="FILE", help="Append a Markdown summary; in GitHub Actions this is automatic."),
]

SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Only what began since: 24h, 7d, 2026, 2026-11 or 2026-11-01."),
]
_AGES_S = {"h": 3600, "d": 24 * 3600}


def read_as(reader: Callable[[object], T], text: str, option: str) -> T:
    """Return what is written after an option.

    Args:
        reader: Of `harness.document.units`: what it refuses is a mistake of usage.
        text: As written.
        option: For the message.

    Raises:
        UsageError: It cannot be read; with what is known, and a hint.
    """
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 - `harness --help` stays quick

    try:
        return reader(text)
    except PydanticCustomError as error:
        context = error.context or {}
        raise UsageError(error.message(), where=option, known=context.get("known"), hint=context.get("hint")) from None


def home_of(python: Path | None, litellm: str | None, model: str | None) -> ChainHome:
    """Return where the chain is to run and what callers ask it for."""
    from harness.chain.home import ChainHome  # noqa: PLC0415 - `harness --help` stays quick

    return ChainHome(python=None if python is None else str(python), litellm=litellm, model=model)


def command_line(
    command: str,
    *paths: Path,
    chains: Sequence[Path],
    seed: int | None,
    home: ChainHome,
    allow_real: bool,
    engine: str,
    repeat: int = 1,
    load: Sequence[str] = (),
) -> str:
    """Return a command that does the same again."""
    words = ["harness", command, *map(str, paths)]
    words += ["--engine", engine] if engine != "live" else []
    words += [word for path in chains for word in ("--chain", str(path))]
    words += home.words
    words += ["--repeat", str(repeat)] if repeat > 1 else []
    words += ["--seed", str(seed)] if seed is not None else []
    words += ["--allow-real"] if allow_real else []
    words += load
    return shlex.join(words)


def began_since_s(text: str) -> float:
    """Return the Unix time that an age (24h, 7d), a year, a month, a day or a time means; in UTC if it names no zone.

    Raises:
        UsageError: It is none of them.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _AGES_S and number.isascii() and number.isdecimal():
        return max(time.time() - int(number[:9]) * _AGES_S[unit], 0.0)
    for whole in (f"{text}-01-01", f"{text}-01", text):
        with contextlib.suppress(ValueError):
            found = datetime.fromisoformat(whole)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    problem = f"neither an age nor a date: {text[:40]!r}"
    raise UsageError(problem, where="--since", hint="--since 24h, 7d, 2026, 2026-11 or 2026-11-01")
