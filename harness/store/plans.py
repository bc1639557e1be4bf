"""Plans of older versions."""

from __future__ import annotations

from typing import Any

from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.store.format import shaped


def with_facts(written: dict[str, Any]) -> dict[str, Any]:
    """Return a plan with what is known about its chain; one that was written without it gets what its driver declares now.

    Raises:
        ValueError: It holds no chain.
    """
    if "facts" in written:
        return written
    chain = shaped(written.get("chain"), Chain)
    return {**written, "facts": driver_of(chain).facts(chain)}
