"""Where a fault can act beside a provider: on the gateway, or between the gateway and its database.

A leg is one declaration: which kinds of fault can act there, and what each does. To the nemesis a leg is one more port, so
overlaps, times and reverting are those of a provider's port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.history.records import LegName
from harness.provider.faults import FAULTS

if TYPE_CHECKING:
    from harness.provider.inject import Inject


_SILENT_NS = 24 * 3600 * 10**9
"""A delay longer than any run: what is held back arrives when the fault ends."""


class LegFault(NamedTuple):
    """What one kind of fault does on a leg.

    Attributes:
        state: Returns the fields of the port's `ListenerState` that it sets.
        meets: What follows, for the reference.
    """

    state: Callable[[Inject], Mapping[str, Any]]
    meets: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A place where a fault can act that is no provider.

    Attributes:
        name: As after `on`.
        what: What acts there, with its article, for errors.
        faults: What can go wrong there, by kind of fault.
    """

    name: LegName
    what: str
    faults: Mapping[str, LegFault]

    @property
    def written(self) -> tuple[str, ...]:
        """How `inject` names its faults."""
        return tuple(FAULTS[kind].written[0] for kind in self.faults)


GATEWAY = Leg(
    name="gateway",
    what="the gateway",
    faults={
        "kill": LegFault(
            state=lambda _inject: {"process": "killed"},
            meets=FAULTS["kill"].meets,
        ),
        "restart": LegFault(
            state=lambda _inject: {"process": "restarted"},
            meets=FAULTS["restart"].meets,
        ),
        "slow": LegFault(
            state=FAULTS["slow"].listener,
            meets="all that the gateway sends its callers arrives `delay` (± `jitter`) late",
        ),
        "reset": LegFault(
            state=lambda _inject: {"resets": True},
            meets="a caller's connection is reset (RST) at the first byte of its answer: the gateway has done its work, and"
            " nobody gets it",
        ),
    },
)
DATABASE = Leg(
    name="database",
    what="the gateway's database",
    faults={
        "refused": LegFault(
            state=FAULTS["refused"].listener,
            meets="connection refused; connections that were open break",
        ),
        "slow": LegFault(
            state=FAULTS["slow"].listener,
            meets="each answer of the database arrives `delay` (± `jitter`) late",
        ),
        "silent": LegFault(
            state=lambda _inject: {"delay_ns": _SILENT_NS},
            meets="connections are accepted and stay open, and no answer arrives before the fault ends",
        ),
    },
)
LEGS: Mapping[str, Leg] = {leg.name: leg for leg in (GATEWAY, DATABASE)}
"""By name, as after `on`."""
