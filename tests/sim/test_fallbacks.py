"""What triggered each fallback, in whole runs: the reference chain with hedging and a breaker, and LiteLLM's Router."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pandas as pd

from harness.experiment.prepare import load
from harness.history.records import WARMUP
from harness.judge import RunData, Status, Verdict, fallbacks, judge
from harness.sim import run
from tests.sim.worlds import PROVIDERS

REFERENCE = f"""\
name: hedging
driver: reference
providers:
{PROVIDERS}order: [openai, azure]
retry: {{attempts: 2, backoff: fixed}}
timeout: 8s
policy: {{base: 100ms, hedge: 400ms, breaker: {{failures: 3, open: 3s}}, budget: {{share: 100%, floor: 100}}}}
"""
ROUTER = f"""\
name: router
driver: litellm-router
providers:
{PROVIDERS}order: [openai, azure]
retry: {{attempts: 3, backoff: exponential}}
timeout: 4s
"""
SCENARIO = """\
name: triggers
chain: chain.yaml
load: {{rate: 5/s, arrivals: constant, deadline: 20s}}
phases: {{{phases}}}
faults:
{faults}
expect:
{expect}
"""


def answered(
    folder: Path, chain: str, *, phases: str, faults: dict[str, str], expect: list[str]
) -> tuple[Verdict, pd.DataFrame]:
    """Return the verdict of a chain in virtual time, and its fallbacks.

    Args:
        folder: Where its files go.
        chain: The chain file.
        phases: Of the scenario.
        faults: What the first provider does, by phase.
        expect: Its expectations.
    """
    (folder / "chain.yaml").write_text(chain)
    written = "\n".join(f"  - {{on: primary, during: {phase}, inject: {inject}}}" for phase, inject in faults.items())
    lines = "\n".join(f"  - {text}" for text in expect)
    (folder / "scenario.yaml").write_text(SCENARIO.format(phases=phases, faults=written, expect=lines))
    loaded = load(folder / "scenario.yaml")
    history = run(loaded.plan, loaded.chain).history
    data = RunData.of(loaded.plan, history)
    found = fallbacks(data)
    assert len(found) == _changes(history.attempts, loaded.plan.chain.order[0])
    return judge(data), found


def _changes(attempts: pd.DataFrame, first: str) -> int:
    """Return how often requests changed the provider, the beginning at another than the first included."""
    measured = attempts[~attempts["request_id"].str.startswith(f"{WARMUP}-")]
    walks = measured.sort_values("number").groupby("request_id")["provider"]
    return sum(one != other for _, walk in walks for one, other in pairwise([first, *walk]))


def kinds(found: pd.DataFrame, phase: str) -> set[tuple[str, str]]:
    """Return the triggers of a phase, with how these fallbacks ended."""
    mine = found[found["phase"] == phase]
    return set(zip(mine["trigger"], mine["result"], strict=True))


def test_a_hedge_and_an_open_breaker_are_no_failures(tmp_path: Path) -> None:
    """503 opens the breaker, so that later requests begin at azure; a slow first provider is hedged, and no other step is."""
    verdict, found = answered(
        tmp_path,
        REFERENCE,
        phases="baseline: 4s, outage: 6s, back: 6s, slow: 6s, recovery: 4s",
        faults={"outage": "{status: 503}", "slow": "{delay: 1s, jitter: 200ms}"},
        expect=[
            "fallbacks in baseline <= 0",
            "fallbacks(503) in outage >= 1",
            "fallbacks(skipped) in outage >= 1",
            "fallbacks(hedge) in outage <= 0",
            "fallbacks(hedge) in slow >= 20",
            "fallbacks(server_error) in slow <= 0",
            "max retry_gap(1) in outage <= 101ms",
            "fallback_rate in slow >= 80%",
        ],
    )
    assert [row.text for row in verdict.expectations if row.status is Status.FAIL] == []
    assert [row.text for row in verdict.expectations if row.status is Status.INCONCLUSIVE] == [
        "fallbacks(server_error) in slow <= 0"
    ]
    assert kinds(found, "outage") == {("server_error", "served"), ("skipped", "served")}
    assert kinds(found, "slow") == {("hedge", "served")}
    assert set(found.loc[found["trigger"] == "server_error", "status"]) == {503}
    assert found.loc[found["trigger"] == "server_error", "wait_ns"].between(0, 101e6).all()


def test_the_router_s_triggers_are_classes_and_statuses(tmp_path: Path) -> None:
    """A 429 after its retries, a 400 at once; and nothing in the phases without a fault."""
    verdict, found = answered(
        tmp_path,
        ROUTER,
        phases="baseline: 4s, limited: 6s, rest: 6s, wrong: 6s, recovery: 6s",
        faults={"limited": "{status: 429, error: rate_limit}", "wrong": "{status: 400, error: invalid_request}"},
        expect=[
            "fallbacks(rate_limit) in limited >= 20",
            "fallbacks(400) in limited <= 0",
            "fallbacks(400) in wrong >= 20",
            "fallbacks(hedge) <= 0",
            "fallbacks in baseline <= 0",
            "max retry_gap(2) in limited > 1s",
        ],
    )
    assert [row.status for row in verdict.expectations] == [
        Status.PASS,
        Status.INCONCLUSIVE,
        Status.PASS,
        Status.PASS,
        Status.PASS,
        Status.PASS,
    ]
    assert kinds(found, "limited") == {("rate_limit", "served")}
    assert kinds(found, "wrong") == {("invalid", "served")}
    assert set(found["phase"]) == {"limited", "wrong"}
    assert (found.loc[found["phase"] == "limited", "wait_ns"] > 10**9).all()
