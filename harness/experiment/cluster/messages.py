"""What the runner and a worker's search send each other; see harness/lines.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.experiment.searching import Confirmed, SearchCounts
from harness.sim.search import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Asks for a search.

    Attributes:
        space: What is searched; its chain has no secrets.
        properties: Names of those to break.
        seed: Fixes what is tried, and in which order.
        budget_s: How long, in seconds of the wall.
    """

    space: Space = field(repr=False)
    properties: tuple[str, ...]
    seed: int
    budget_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchNews:
    """How far a search is.

    Attributes:
        seed: Which search it is.
        tried: Timelines so far.
        found: What was just found; None if nothing was.
    """

    seed: int
    tried: int
    found: Confirmed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search came to.

    Attributes:
        counts: What it tried.
        found: What breaks the properties.
    """

    counts: SearchCounts
    found: tuple[Confirmed, ...]
