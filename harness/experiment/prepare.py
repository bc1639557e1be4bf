"""What must be true before a run starts, alone or in a suite."""

from __future__ import annotations

from pathlib import Path

from harness.drivers.host import host
from harness.drivers.litellm_prices import priced
from harness.errors import UsageError
from harness.experiment.real import Permission
from harness.scenario.load import Loaded, load
from harness.scenario.shipped import existing


def prepare(scenario: Path, permission: Permission, *, chain: Path | None = None, seed: int | None = None) -> Loaded:
    """Return a scenario that can be run, with its chain, prices and plan.

    Args:
        scenario: Its file, or the name of a shipped one.
        permission: Asked before real providers may be called.
        chain: In place of the scenario's.
        seed: In place of the scenario's.

    Raises:
        UsageError: A file is wrong, its driver cannot do what the chain asks for, a key is not set, or a real provider
            would be called without permission.
    """
    path = existing(scenario)
    if path.is_dir():
        raise UsageError("is a folder", where=str(scenario), hint=f"run all of its scenarios: harness suite {scenario}")
    loaded = load(path, chain=chain, seed=seed, complete=priced)
    host(loaded.chain)
    permission(loaded.chain)
    return loaded
