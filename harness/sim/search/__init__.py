"""The search for a timeline of faults that breaks a property, and for the smallest such."""

from harness.sim.search.hunt import Find, Hunt
from harness.sim.search.space import FaultSchedule, Space
from harness.sim.search.trial import long_enough, search_run_of, try_schedule

__all__ = ["FaultSchedule", "Find", "Hunt", "Space", "long_enough", "search_run_of", "try_schedule"]
