"""What breaks, when, and what must still hold: the scenario file and the plan made from it."""

from harness.scenario.expect import Expectation
from harness.scenario.load import load
from harness.scenario.plan import Arrival, Phase, Plan, Timeline, Window, compile_plan
from harness.scenario.schema import Fault, Inject, Load, Scenario

__all__ = [
    "Arrival",
    "Expectation",
    "Fault",
    "Inject",
    "Load",
    "Phase",
    "Plan",
    "Scenario",
    "Timeline",
    "Window",
    "compile_plan",
    "load",
]
