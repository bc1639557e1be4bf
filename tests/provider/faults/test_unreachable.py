"""The fault `connection: unreachable`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import sim
from harness.experiment.prepare import load
from harness.provider.listener import OPEN, ListenerState, in_force
from harness.quantities import S
from harness.scenario import Inject
from tests.plans import window
from tests.sim.worlds import small

UNREACHABLE = Inject(connection="unreachable")


def test_the_port_ignores_connections() -> None:
    """While the window is open, and no longer; an attempt without a connection times out."""
    opened = window(UNREACHABLE, start_ns=S, end_ns=2 * S)
    assert in_force([opened], S)[0] == ListenerState(connecting="ignored")
    assert in_force([opened], 2 * S)[0] == OPEN
    assert opened.blocks == "timeout"


@pytest.mark.parametrize("driver", ["reference", "litellm-router", "openai-sdk"])
def test_every_attempt_times_out_before_it_reaches_the_provider(tmp_path: Path, driver: str) -> None:
    """The chain alone has seen it, after its own patience, and falls back."""
    loaded = small(tmp_path, driver, "{connection: unreachable}", fault_s=6)
    loaded.path.write_text(loaded.path.read_text().replace("on: all", "on: primary"))
    loaded = load(loaded.path, seed=1)
    history = sim.run(loaded.plan, loaded.chain).history
    (fault,) = history.faults.itertuples()
    attempts = history.attempts[history.attempts["fault_id"].notna()]
    assert fault.fired == len(attempts) > 5
    assert set(attempts["provider"]) == {"openai"}
    blocked = attempts[attempts["start_ns"] >= fault.applied_ns]
    assert set(blocked["outcome"]) == {"timeout"}
    assert set(blocked["seen_by"]) == {"chain"}
    assert blocked["status"].isna().all()
    assert (blocked["end_ns"] - blocked["start_ns"]).max() <= 4 * S
    assert history.requests["complete"].mean() > 0.8
