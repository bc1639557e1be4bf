"""What a chain cannot carry, as shows only once it is hosted: its library may be too old, or a function may not take it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.errors import Unfit
from harness.provider.kinds import API, Kind


def by_kind(reasons: Mapping[str, str]) -> dict[Kind, str]:
    """Return the kinds of request that a chain cannot carry, with the reasons, given the reasons by form."""
    return {kind: reasons[api] for kind, api in API.items() if api in reasons}


def check_carried(lacking: Mapping[Kind, str], kinds: Iterable[Kind]) -> None:
    """Return if a chain can carry these kinds of request.

    Args:
        lacking: Those that it cannot carry, with the reasons.
        kinds: Of a plan.

    Raises:
        Unfit: It cannot.
    """
    for kind in kinds:
        if kind in lacking:
            raise Unfit(f"this chain cannot carry {kind}: {lacking[kind]}", where="load.mix")
