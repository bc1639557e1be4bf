"""Which incidents a chain is tuned on, and which are held out."""

from __future__ import annotations

from collections.abc import Mapping

from harness.chain import Chain
from harness.incident.schema import Incident
from harness.incident.variants import hits
from harness.provider.dialects import vendor_of

HOLD_OUT_LEAST = 4
"""With fewer incidents none is held out."""


def halves(groups: Mapping[str, Mapping[str, Incident]], chain: Chain) -> tuple[list[str], list[str]]:
    """Return the names of incidents to tune on, and of those to hold out: of each vendor every other one, by time.

    None is held out of a few.
    """
    if len(groups) < HOLD_OUT_LEAST:
        return list(groups), []
    by_vendor: dict[str, list[str]] = {}
    for name, group in sorted(groups.items(), key=lambda item: min(each.start for each in item[1].values())):
        first = hits(group, chain)[0].providers[0]
        by_vendor.setdefault(vendor_of(chain.providers[first]), []).append(name)
    turn = 0
    sides: tuple[list[str], list[str]] = ([], [])
    for names in by_vendor.values():
        for name in names:
            sides[turn % 2].append(name)
            turn += 1
    return sides
