"""Which incidents a chain is tuned on, and which are held out."""

from __future__ import annotations

from collections.abc import Mapping

from harness.chain import Chain
from harness.experiment.tuning.outages import TunedOutage
from harness.provider.dialects import vendor_of

HOLD_OUT_LEAST = 4
"""With fewer incidents none is held out."""


def halves(groups: Mapping[str, TunedOutage], chain: Chain, seed: int = 1) -> tuple[list[str], list[str]]:
    """Return the names of incidents to tune on, and of those to hold out: of each vendor every other one, by time.

    None is held out of a few.

    Args:
        groups: All of them, by name.
        chain: The chain that they hit.
        seed: An even one exchanges the halves.
    """
    if len(groups) < HOLD_OUT_LEAST:
        return list(groups), []
    by_vendor: dict[str, list[str]] = {}
    for name, outage in sorted(groups.items(), key=lambda item: item[1].began):
        by_vendor.setdefault(vendor_of(chain.providers[outage.first_hit(chain)]), []).append(name)
    turn = (seed + 1) % 2
    sides: tuple[list[str], list[str]] = ([], [])
    for names in by_vendor.values():
        for name in names:
            sides[turn % 2].append(name)
            turn += 1
    return sides
