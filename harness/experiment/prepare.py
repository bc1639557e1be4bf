"""What must be so before anything is made or started: the same for one run and for many."""

from __future__ import annotations

import os
from pathlib import Path

from harness.drivers import host, priced
from harness.experiment.real import permit
from harness.scenario.load import Loaded, load


def prepare(scenario: Path, *, chain: Path | None = None, seed: int | None = None, allow_real: bool = False) -> Loaded:
    """Return a scenario that can be run, with its chain, prices and plan.

    Args:
        scenario: Its file.
        chain: In place of the scenario's.
        seed: In place of the scenario's.
        allow_real: Real providers that are not on this machine may be called.

    Raises:
        UsageError: A file is wrong, its driver cannot do what the chain asks for, a key is not set, or a real provider
            would be called without permission.
    """
    loaded = load(scenario, chain=chain, seed=seed, complete=priced)
    host(loaded.chain)
    permit(loaded.chain, os.environ, allow=allow_real)
    return loaded
