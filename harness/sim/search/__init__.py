"""The search for a timeline of faults that breaks a property, and for the smallest such."""

from harness.sim.search.hunt import Find, Hunt, account_of
from harness.sim.search.space import Space, Story

__all__ = ["Find", "Hunt", "Space", "Story", "account_of"]
