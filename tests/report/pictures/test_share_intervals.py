"""The axis of shares."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.judge import Value
from harness.report.pictures.share_intervals import axis_low

SHARES = st.floats(0, 1)


def value(share: float, low: float) -> Value:
    """Return a share with its interval."""
    return Value(value=share, ci=(min(low, share), share), samples=100, unit="share")


@given(st.lists(st.tuples(SHARES, SHARES), max_size=5), st.lists(SHARES, max_size=3))
def test_all_shares_and_limits_are_on_the_axis(shares: list[tuple[float, float]], limits: list[float]) -> None:
    """Whatever the values; and the axis is never turned round."""
    values = {f"phase-{place}": value(*each) for place, each in enumerate(shares)}
    low = axis_low(values, limits)
    assert 0 <= low < 1
    assert low <= min([*(each.ci[0] for each in values.values() if each.ci), *limits, 1.0])  # type: ignore[type-var] - no end is open here


def test_success_everywhere_is_not_blown_up() -> None:
    """100 % of very many is at the end of an axis of at least five points."""
    assert axis_low({"fault": value(1.0, 0.9999)}, []) < 0.95
    assert axis_low({}, [1.0]) < 0.95


def test_a_strict_limit_is_not_at_the_end() -> None:
    """A limit of 99.9 % has a tenth of the axis beyond it."""
    low = axis_low({"fault": value(1.0, 0.9995)}, [0.999])
    assert 0.05 < (1 - 0.999) / (1 - low) < 0.2
