"""`*.chaos.yaml`: a scenario file is a test, or several, one for each seed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.document import read
from harness.errors import HarnessError
from harness.pytest_plugin import _run, repeat


class ChaosFile(pytest.File):
    """A scenario file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Give one test for each seed, from the file's own on."""
        first = self._seed()
        for seed in range(first, first + repeat(self.config)):
            yield ChaosItem.from_parent(self, name=f"seed-{seed}", seed=seed)

    def _seed(self) -> int:
        """Return the file's seed; a file that is wrong says so when it is run, and stops no other test."""
        try:
            data = read(self.path).data
        except HarnessError:
            return 1
        found = data.get("seed", 1) if isinstance(data, dict) else 1
        return found if isinstance(found, int) else 1


class ChaosItem(pytest.Item):
    """One run of a scenario file."""

    def __init__(self, *, seed: int, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self.seed = seed

    def runtest(self) -> None:
        """Run it, and fail with the verdict."""
        outcome = _run(self.config, self.path, seed=self.seed)
        outcome.clean()
        outcome.check()

    def reportinfo(self) -> tuple[str, int, str]:
        """Say where it is written."""
        return str(self.path), 0, f"chaos: {self.parent.name if self.parent else ''}::{self.name}"
