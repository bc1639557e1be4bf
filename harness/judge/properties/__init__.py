"""What must hold whatever breaks: the properties that `harness explore` tries to break, one file each.

Where a finding says the same as a property, a test compares the two on random histories.
"""

from __future__ import annotations

from harness.judge.properties.declaration import Property, WorstRequest
from harness.judge.properties.search_run import SearchRun
from harness.registry import Registry

PROPERTIES = Registry(
    "properties", package="harness.judge.properties", shape=Property, name_of=lambda declared: declared.name
)


def broken(run: SearchRun) -> dict[str, tuple[str, ...]]:
    """Return each property that does not hold, with the requests that break it."""
    return {name: shown for name, declared in PROPERTIES.own.items() if (shown := declared.check(run))}


__all__ = ["PROPERTIES", "Property", "SearchRun", "WorstRequest", "broken"]
