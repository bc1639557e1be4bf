"""Which file a test means, and the seed that it names: all that collecting needs, without the imports of a run."""

from __future__ import annotations

from pathlib import Path

from harness.document import read
from harness.errors import HarnessError
from harness.scenario.shipped import located


def file_of(scenario: str | Path, root: Path) -> Path:
    """Return a scenario's file: relative to the project's root directory, else one of those that come with the harness."""
    return located(Path(scenario), root)


def first_seed(file: Path) -> int:
    """Return a scenario's own seed; a wrong file fails when it is run, and stops no other test."""
    try:
        data = read(file).data
    except HarnessError:
        return 1
    found = data.get("seed", 1) if isinstance(data, dict) else 1
    return found if isinstance(found, int) else 1
