"""What breaks, when, and what must still hold: the scenario file and the plan made from it."""

from harness.provider.inject import Inject
from harness.provider.window import Window
from harness.scenario.expectation import Expectation, Op
from harness.scenario.names import COMPARISONS, EXPLORED, LATEST, REPLAYS, SUITES, TUNINGS
from harness.scenario.plan import Arrival, Phase, Plan, Timeline, compile_plan
from harness.scenario.schema import Fault, Load, Scenario

__all__ = [
    "COMPARISONS",
    "EXPLORED",
    "LATEST",
    "REPLAYS",
    "SUITES",
    "TUNINGS",
    "Arrival",
    "Expectation",
    "Fault",
    "Inject",
    "Load",
    "Op",
    "Phase",
    "Plan",
    "Scenario",
    "Timeline",
    "Window",
    "compile_plan",
]
