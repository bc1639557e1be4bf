"""When a provider was broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from harness.document import Allowance
from harness.judge.tables.outages import Outage, merged
from harness.provider.inject import Limit
from harness.quantities import S
from harness.scenario import Fault, Inject
from tests.judge.histories import OUTAGE, ns, plan_of
from tests.plans import window

LIMIT = Limit(requests=Allowance(1, S))


@pytest.mark.parametrize(
    ("inject", "deadly"),
    [
        (Inject(status=503), True),
        (Inject(status=404, body="no"), True),
        (Inject(status=200, body="yes"), False),
        (Inject(status=304, body=""), True),
        (Inject(body="yes"), False),
        (Inject(connection="refused"), True),
        (Inject(connection="reset"), True),
        (Inject(connection="close"), True),
        (Inject(connection="silent"), True),
        (Inject(connection="slow", delay=S), False),
        (Inject(connection="throttle", bytes_per_second=1000), False),
        (Inject(stream="cut"), True),
        (Inject(stream="reset"), True),
        (Inject(stream="end"), False),
        (Inject(stream="stall"), False),
        (Inject(stream="empty"), False),
        (Inject(delay=S), False),
        (Inject(ttft=S), False),
        (Inject(limit=LIMIT), False),
    ],
)
def test_what_no_attempt_can_survive(inject: Inject, deadly: bool) -> None:
    """A fault that spoils every answer, streamed or not; one that some attempts get round kills nobody."""
    assert window(inject).kills is deadly


@pytest.mark.parametrize(
    "chosen", [{"share": 0.9}, {"first": 1}, {"every": 2}, {"models": ("a",)}, {"streaming": True}]
)
def test_a_choice_of_attempts_leaves_some_alive(chosen: dict[str, Any]) -> None:
    """Whatever it chooses by."""
    assert not window(Inject(status=503), **chosen).kills


def test_windows_that_touch_are_one_outage() -> None:
    """Those that kill count by themselves where only they are asked for."""
    faults = [
        OUTAGE,
        Fault(on="openai", at=ns(35), for_=ns(10), inject=Inject(delay=S)),
        Fault(on="openai", at=ns(50), for_=ns(5), inject=Inject(status=500), first=1),
        Fault(on="azure", at=0, for_=ns(60), inject=Inject(status=500)),
    ]
    plan = plan_of(faults=faults)
    assert merged(plan, ["openai"]) == (Outage(ns(10), ns(45)), Outage(ns(50), ns(55)))
    assert merged(plan, ["openai"], dead=True) == (Outage(ns(10), ns(40)),)
