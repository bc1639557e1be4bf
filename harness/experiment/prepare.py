"""What must be so before anything is made or started: the same for one run and for many."""

from __future__ import annotations

from pathlib import Path

from harness.drivers.host import host
from harness.drivers.litellm_prices import priced
from harness.experiment.real import Permission
from harness.scenario.load import Loaded, load
from harness.scenario.shipped import located


def prepare(scenario: Path, permission: Permission, *, chain: Path | None = None, seed: int | None = None) -> Loaded:
    """Return a scenario that can be run, with its chain, prices and plan.

    Args:
        scenario: Its file, or the name of one of ours.
        permission: Asked before real providers may be called.
        chain: In place of the scenario's.
        seed: In place of the scenario's.

    Raises:
        UsageError: A file is wrong, its driver cannot do what the chain asks for, a key is not set, or a real provider
            would be called without permission.
    """
    loaded = load(located(scenario), chain=chain, seed=seed, complete=priced)
    host(loaded.chain)
    permission(loaded.chain)
    return loaded
