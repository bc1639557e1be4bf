"""When and where a fault acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.history import AttemptOutcome
from harness.history.records import LegName
from harness.provider.inject import Inject
from harness.provider.legs import LEGS
from harness.provider.listener import BLOCKED, ListenerState

ShareBy = Literal["attempt", "caller"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One fault at one provider, or on one leg; a fault on several providers has one window at each.

    Attributes:
        fault_id: `fault-1`, … in the order of the file.
        provider: The provider's name; for a fault on another leg that leg's.
        start_ns: Begins to act, since the origin.
        end_ns: Ceases to act.
        inject: What goes wrong.
        share: Share of the attempts that it changes.
        share_by: What is drawn for the share: each `attempt`, or each `caller`.
        first: Only the first so many attempts of each request at the provider; None for all.
        every: Only every Nth of those that the other selectors leave; None for all.
        models: Only attempts that ask for one of these; None for all.
        streaming: Only attempts that stream, or only those that do not; None for all.
        text: For people: `429 Retry-After 2 s`.
        leg: Where it acts: on a `provider`, on the `gateway`, or on its `database`.
    """

    fault_id: str
    provider: str
    start_ns: int
    end_ns: int
    inject: Inject
    share: float = 1.0
    share_by: ShareBy = "attempt"
    first: int | None = None
    every: int | None = None
    models: tuple[str, ...] | None = None
    streaming: bool | None = None
    text: str = ""
    leg: LegName = "provider"

    @property
    def at_provider(self) -> bool:
        """Whether it acts at a provider."""
        return self.leg == "provider"

    @property
    def on_port(self) -> bool:
        """Whether it acts on all that passes, not on a choice of attempts."""
        return not self.at_provider or self.inject.fault_kind.whole_provider

    @property
    def port_state(self) -> Mapping[str, Any]:
        """The fields of the port's `ListenerState` that it sets; none unless it acts on a port."""
        if self.at_provider:
            return self.inject.fault_kind.listener(self.inject)
        return LEGS[self.leg].faults[self.inject.kind].state(self.inject)

    @property
    def hits_all(self) -> bool:
        """Whether it changes every attempt, not a choice of them."""
        chosen = (self.first, self.every, self.models, self.streaming)
        return self.share >= 1 and all(selector is None for selector in chosen)

    @property
    def kills(self) -> bool:
        """Whether no attempt can succeed while it acts."""
        return self.hits_all and self.inject.fault_kind.kills(self.inject)

    @property
    def blocks(self) -> AttemptOutcome | None:
        """What becomes of an attempt that needs a new connection: `refused`, `timeout`; None if it gets one."""
        return BLOCKED.get(ListenerState(**self.port_state).connecting) if self.at_provider else None
