"""`*.chaos.yaml`: a scenario file is a test, or several, one for each seed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.pytest_plugin import _run, repeat
from harness.pytest_plugin.scenarios import first_seed


class ChaosFile(pytest.File):
    """A scenario file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Give one test for each seed, from the file's own on."""
        first = first_seed(self.path)
        for seed in range(first, first + repeat(self.config)):
            yield ChaosItem.from_parent(self, name=f"seed-{seed}", seed=seed)


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
