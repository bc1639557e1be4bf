"""The order in which each request should try the providers: that of its part of the load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.history.table import narrow
from harness.scenario import Plan

if TYPE_CHECKING:
    from harness.judge.tables.columns import Bools, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """The different orders of a plan, and where each provider is in them; without a mix there is one order.

    Attributes:
        names: The providers of each order.
        of_part: By part of the load, which of the orders is its own.
        length: By order, how many providers it has.
        place: By order and provider, the provider's place; one outside of the order comes after all that are in it.
        level: By order and place, the place of the earliest among the peers: within a level no order holds.
        firsts: The different first providers, each with its peers.
        first: By order, which of these is its own.
    """

    names: tuple[tuple[str, ...], ...]
    of_part: Ints
    length: Ints
    place: Ints
    level: Ints
    firsts: tuple[tuple[str, ...], ...]
    first: Ints

    @classmethod
    def of(cls, plan: Plan, providers: Sequence[str]) -> Orders:
        """Return the orders of a plan.

        Args:
            plan: The plan.
            providers: Names of all providers, in the order of the columns.
        """
        names = tuple(dict.fromkeys(plan.orders))
        walks = [(*order, *(name for name in providers if name not in order)) for order in names]
        # Peers of a provider, and whatever is outside of the plan's chain, keep their own levels.
        levels = [[min(walk.index(peer) for peer in plan.chain.with_peers(name)) for name in walk] for walk in walks]
        first = [
            tuple(name for name in providers if not found[walk.index(name)])
            for walk, found in zip(walks, levels, strict=True)
        ]
        firsts = tuple(dict.fromkeys(first))
        return cls(
            names=names,
            of_part=np.array([names.index(order) for order in plan.orders], dtype=narrow(len(names))),
            length=np.array([len(order) for order in names], dtype=narrow(len(providers))),
            place=np.array([[walk.index(name) for name in providers] for walk in walks], dtype=narrow(len(providers))),
            level=np.array(levels, dtype=narrow(len(providers))),
            firsts=firsts,
            first=np.array([firsts.index(each) for each in first], dtype=np.int64),
        )

    @property
    def beginning(self) -> Ints:
        """By order, its first provider."""
        first: Ints = self.place.argmin(axis=1)
        return first

    def places(self, order: Ints, request: Ints, provider: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the place and the level of some providers in the orders of their requests, and how long these are.

        Args:
            order: The order of each request.
            request: The place of the request of each provider.
            provider: The providers.
        """
        if len(self.names) == 1:
            place = self.place[0][provider]
            return place, self.level[0][place], self.length[:1]
        of = order[request]
        place = self.place[of, provider]
        return place, self.level[of, place], self.length[of]

    def level_of(self, order: Ints, provider: Ints) -> Ints:
        """Return the levels of some providers, each in an order; of no provider (-1) a level that is nobody's."""
        level = self.level[order, self.place[order, provider]]
        return np.where(provider < 0, -1, level)

    def placed(self, provider: int, order: Ints) -> tuple[Ints, Ints]:
        """Return the place and the level of one provider in some orders."""
        place = self.place[:, provider]
        return place[order], self.level[np.arange(len(place)), place][order]

    def holding(self, chosen: Sequence[str]) -> Bools:
        """Return which orders have one of some providers."""
        return np.array([not set(chosen).isdisjoint(names) for names in self.names], dtype=bool)
