"""The command line as a user calls it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from tests.forks import ROOT, Done, Forks

_MOST = ("pandas", "pyarrow", "pydantic", "rich.console", "ruamel.yaml", "scipy.stats", "aiohttp")
_OURS = ("harness.cli", "harness.experiment.validation", "harness.experiment.single_run")


def harness(*arguments: str, cwd: Path = ROOT, timeout_s: float = 120) -> Done:
    """Run the command; return exit code, standard output and standard error."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return _forks().run("harness", arguments, environ=environ, cwd=cwd, timeout_s=timeout_s)


@cache
def _forks() -> Forks:
    return Forks([*_MOST, *_OURS], environ={**os.environ, "PYTHONPATH": str(ROOT)}, path=[ROOT])
