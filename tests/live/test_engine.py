"""What the live engine derives from a plan before it starts anything."""

import pytest

from harness.live.engine import _blunt
from harness.scenario import Fault, Inject
from tests.judge.histories import plan_of


def fault(on: str, inject: Inject) -> Fault:
    """Return a fault at a provider."""
    return Fault(on=on, during="fault", inject=inject)


@pytest.mark.parametrize("resets", [Inject(connection="reset"), Inject(stream="reset")])
@pytest.mark.parametrize("closes", [Inject(connection="close"), Inject(stream="cut")])
def test_closes_that_will_be_resets_are_reported(resets: Inject, closes: Inject) -> None:
    """Of the provider that has both, and of no other."""
    plan = plan_of(faults=[fault("openai", resets), fault("openai", closes), fault("azure", closes)])
    (warning,) = _blunt(plan)
    assert "connections of openai" in warning


def test_one_kind_of_end_needs_no_warning() -> None:
    """Resets here, closes there."""
    plan = plan_of(faults=[fault("openai", Inject(stream="reset")), fault("azure", Inject(connection="close"))])
    assert _blunt(plan) == ()
