"""What the engines have in common, on the live run that is kept as a sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness import sim
from harness.experiment.prepare import load
from harness.store import RunFolder
from scripts.agreement.comparison import Agreement, Waits, compare, simulate
from scripts.agreement.page import kinds_page, page
from tests.histories import framed

ROOT = Path(__file__).parents[2]
CHAINS = ROOT / "scenarios" / "chains"
SAMPLE = ROOT / "reports" / "samples" / "primary-429"


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    """The sample and its plan in virtual time."""
    found = simulate(RunFolder.open(SAMPLE))
    assert found is not None
    return found


def test_a_live_run_is_what_its_plan_is_in_virtual_time(agreement: Agreement) -> None:
    """The same end, server and attempts for every request that crosses no edge of the fault; waits within bounds."""
    assert agreement.differing == ()
    assert agreement.alike + agreement.remembered == agreement.requests > 300
    assert agreement.remembered <= 3
    assert agreement.gaps.comparable
    assert agreement.gaps.agree
    assert agreement.overheads.agree
    assert agreement.agree


def test_two_histories_that_differ_are_distinguished() -> None:
    """A request that somebody else served, and waits that are twice as long, are found."""
    folder = RunFolder.open(SAMPLE)
    plan, history = folder.plan(), folder.history()
    requests = history.requests.copy()
    served = requests.index[(requests["served_by"] == "openai") & (requests["phase"] == "baseline")][3]
    requests.loc[served, "outcome"] = "error"
    found = compare(plan, history, framed(history, requests=requests))
    assert len(found.differing) == 1
    assert not found.agree
    assert requests.loc[served, "request_id"] in page([found])


@pytest.mark.parametrize(("driver", "forgiven"), [("reference", 1), ("openai-sdk", 0)])
def test_only_what_requests_share_excuses_other_attempts(driver: str, forgiven: int) -> None:
    """Another try at the first provider is a breaker's doing where there is one, and a difference elsewhere."""
    loaded = load(ROOT / "scenarios" / "catalogue" / "server-error-once.yaml", chain=CHAINS / f"{driver}.yaml")
    history = sim.run(loaded.plan, loaded.chain).history
    crossed = history.attempts["start_ns"] < loaded.plan.timeline.windows[0].start_ns
    again = history.attempts[crossed & history.attempts["request_id"].notna()].iloc[[3]].assign(number=2)
    attempts = pd.concat([history.attempts, again], ignore_index=True)
    found = compare(loaded.plan, history, framed(history, attempts=attempts))
    assert (found.remembered, len(found.differing)) == (forgiven, 1 - forgiven)
    assert found.alike == found.requests - 1
    lost = history.requests.copy()
    row = lost.index[lost["request_id"] == again["request_id"].iloc[0]][0]
    lost.loc[row, "complete"] = False
    assert len(compare(loaded.plan, history, framed(history, attempts=attempts, requests=lost)).differing) == 1


@pytest.mark.parametrize(("every", "crossing"), [(None, False), (2, True)])
def test_what_requests_share_is_an_edge_all_along(every: int | None, crossing: bool) -> None:
    """Which attempt is every second one depends on who comes first, so those requests are counted by themselves."""
    loaded = load(ROOT / "scenarios" / "catalogue" / "server-error-once.yaml", chain=CHAINS / "reference.yaml")
    (window,) = loaded.plan.timeline.windows
    plan = replace(loaded.plan, timeline=replace(loaded.plan.timeline, windows=(replace(window, every=every),)))
    history = sim.run(plan, loaded.chain).history
    inside = history.requests["start_ns"].between(window.start_ns, window.end_ns).sum()
    found = compare(plan, history, history)
    assert found.agree
    assert bool(found.at_edge >= inside) is crossing


def test_the_page_has_a_table_for_each_chain(agreement: Agreement) -> None:
    """Scenarios stand under their chain, and numbers that differ show both."""
    other = replace(agreement, chain="another", verdicts=("pass", "fail"), scenario="elsewhere")
    written = page([agreement, other])
    first, second = written.split("## On `gpt4-azure-claude`")
    assert "## On `another`" in first
    assert "pass / fail" in first
    assert "elsewhere" not in second
    assert "primary-429" in second


def test_the_page_of_kinds_has_a_row_for_each(agreement: Agreement) -> None:
    """With a dash where a chain has no request of that kind."""
    one = replace(agreement, chain="one", kinds={"chat": (7, 7, 0), "tools": (9, 8, 1)})
    written = kinds_page([one, replace(agreement, chain="other", kinds={"chat": (5, 5, 0)})])
    assert "| `chat` | 7 of 7 | 5 of 5 |\n| `tools` | 8 of 9, 1 shared | – |\n" in written
    assert agreement.kinds == {"chat": (agreement.requests, agreement.alike, agreement.remembered)}


@pytest.mark.parametrize(("factor", "agree"), [(1.0, True), (1.05, True), (1.2, False), (2.0, False)])
def test_waits_agree_within_the_bounds(factor: float, agree: bool) -> None:
    """A few per cent are jitter, twice as long is another policy."""
    live = np.linspace(2.0, 2.75, 100)
    assert Waits(live=live, sim=live * factor).agree is agree
    assert Waits(live=live[:5], sim=live[:7]).agree
    assert not Waits(live=live[:5], sim=live).agree


@pytest.mark.parametrize(("size", "agree"), [(30, True), (300, False)])
def test_few_waits_may_differ_by_chance(size: int, agree: bool) -> None:
    """Of thirty the median is not known to within a fifth of a second, of three hundred it is."""
    live = np.linspace(0.5, 1.5, size)
    assert Waits(live=live, sim=live + 0.21).agree is agree


@pytest.mark.parametrize(("remembered", "agree"), [(0, True), (5, True), (60, False)])
def test_what_requests_share_excuses_few_of_them(agreement: Agreement, remembered: int, agree: bool) -> None:
    """Where most requests were tried otherwise, it is another policy."""
    assert replace(agreement, requests=100, remembered=remembered).agree is agree
