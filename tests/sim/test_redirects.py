"""A redirect is no success, whoever looks at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.experiment.prepare import load
from harness.judge import RunData, Status, judge
from harness.sim import run
from tests.sim.worlds import small

BARE = '{status: 304, body: "hello"}'
MOVED = '{status: 302, body: "hello"}'


@pytest.mark.parametrize("inject", [BARE, MOVED])
@pytest.mark.parametrize("driver", ["reference", "litellm-router", "openai-sdk"])
def test_a_3xx_is_a_failed_attempt(tmp_path: Path, driver: str, inject: str) -> None:
    """Its outcome is `status`, and no caller takes it for an answer."""
    loaded = small(tmp_path, driver, inject)
    history = run(loaded.plan, loaded.chain).history
    spoilt = history.attempts[history.attempts["fault_id"].notna()]
    assert len(spoilt) > 10
    assert set(spoilt["outcome"]) == {"status"}
    assert set(spoilt["status"]) == {int(inject.split()[1][:3])}
    served = history.attempts.loc[history.attempts["outcome"] == "ok", "request_id"]
    requests = history.requests
    assert set(requests.loc[requests["outcome"] == "ok", "request_id"]) == set(served)


def test_a_chain_that_falls_back_after_a_redirect_does_right(tmp_path: Path) -> None:
    """The attempt failed, so the next provider had its turn: `wrong_order` is not the answer."""
    loaded = small(tmp_path, "reference", BARE, rate=10)
    path = loaded.path
    path.write_text(path.read_text().replace("on: all", "on: primary"))
    loaded = load(path, seed=1)
    found = judge(RunData.of(loaded.plan, run(loaded.plan, loaded.chain).history)).findings
    (order,) = [finding for finding in found if finding.id == "wrong_order"]
    assert (order.status, order.count) == (Status.PASS, 0)
    assert order.samples > 10
