"""The search for a timeline of faults that breaks a property, and for the smallest such."""

from harness.sim.search.hunt import Find, Hunt
from harness.sim.search.space import Space, Story
from harness.sim.search.trial import search_run_of

__all__ = ["Find", "Hunt", "Space", "Story", "search_run_of"]
