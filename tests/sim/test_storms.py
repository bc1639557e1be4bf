"""A chain that tries again at once and without end: the run ends all the same, and the verdict blames the chain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from harness import sim
from harness.judge import RunData, Status, judge
from harness.quantities import S
from harness.scenario import Fault, Inject
from harness.sim.clock import Clock, UnrealError, run
from harness.sim.network import STORM_ATTEMPTS
from harness.sim.search import Hunt, Space
from tests.sim.planted import NAMES, RetriesWithoutEnd, hosted
from tests.sim.planted.conduct import RIGHT, Hurries, Mistake
from tests.sim.worlds import gateway, tiny


class Storms(Hurries, RetriesWithoutEnd):
    """Tries again at once, and without end."""


OUTAGES = {"503": Inject(status=503), "refused": Inject(connection="refused"), "reset": Inject(connection="reset")}
DEADLINE_S = 30


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_storm_ends_and_is_named(outage: str) -> None:
    """Where no call takes time, some hundred at once are enough; from then on time passes, until a deadline or the outage ends."""
    assert RIGHT.policy is not None
    assert RIGHT.policy.deadline == DEADLINE_S * S
    story = Mistake(faults=(Fault(on="openai", during="fault", inject=OUTAGES[outage]),))
    plan = story.plan(RIGHT)
    with hosted(RequestMachine=Storms):
        history = sim.run(plan, RIGHT).history

    verdict = judge(RunData.of(plan, history))
    assert verdict.status is Status.FAIL
    assert {"retry_storm", "no_backoff"} <= {each.id for each in verdict.findings if each.status is Status.FAIL}
    most = history.attempts.groupby("request_id").size().max()
    assert STORM_ATTEMPTS < most <= STORM_ATTEMPTS + DEADLINE_S + 1
    assert history.lost == 0


def test_explore_finds_a_storm() -> None:
    """It breaks a property, where the search would not come back from one that never ends."""
    where = Space(chain=RIGHT, providers=NAMES, faults_max=3, deadline_ns=DEADLINE_S * S, seed=1)
    hunt = Hunt(where, properties=("bounded_attempts",), over=lambda: hunt.tried >= 200)
    with hosted(RequestMachine=Storms):
        found = next(hunt.run(), None)
    assert found is not None
    assert len(found.schedule.faults) == 1


@pytest.mark.parametrize("inject", ["{status: 503}", "{connection: refused}"])
def test_litellm_storms_as_often_as_it_may(tmp_path: Path, inject: str) -> None:
    """Two deployments that never cool down are tried at once, a hundred times: the most that a configuration may ask for."""
    chain = gateway(tmp_path, retries=99, storming=True)
    loaded = tiny(tmp_path, "litellm-router", inject, deadline_s=5, chain=chain)
    plan = replace(loaded.plan, arrivals=loaded.plan.arrivals[:1])
    history = sim.run(plan, loaded.chain).history
    assert len(history.attempts[history.attempts["provider"].isin(["openai", "azure"])]) == 100
    verdict = judge(RunData.of(plan, history))
    assert [each.id for each in verdict.findings if each.status is Status.FAIL and each.severity == "required"] == [
        "no_backoff"
    ]


def test_who_is_busy_and_calls_nobody_is_named() -> None:
    """Work that never lets time pass, and asks no provider, ends the run with the name of who does it."""

    async def busy() -> None:
        while True:  # noqa: ASYNC110 - what is wrong with it
            await asyncio.sleep(0)

    async def main(_clock: Clock) -> None:
        await asyncio.create_task(busy(), name="the busy one")

    with pytest.raises(UnrealError, match=r"busy without end.*the busy one"):
        run(main)
