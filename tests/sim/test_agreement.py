"""What the engines have in common, on the live run that is kept as a sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.store import RunFolder
from scripts.agreement import Agreement, Waits, compare, page, simulate

SAMPLE = Path(__file__).parents[2] / "reports" / "samples" / "primary-429"


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    """The sample and its plan in virtual time."""
    found = simulate(RunFolder.open(SAMPLE))
    assert found is not None
    return found


def test_a_live_run_is_what_its_plan_is_in_virtual_time(agreement: Agreement) -> None:
    """The same outcome and the same server for every request that crosses no edge of the fault; waits within bounds."""
    assert agreement.differing == ()
    assert agreement.alike == agreement.requests > 300
    assert agreement.gaps.comparable
    assert agreement.gaps.agree
    assert agreement.overheads.agree
    assert agreement.agree


def test_two_histories_that_differ_are_told_apart() -> None:
    """A request that somebody else served, and waits that are twice as long, are found."""
    folder = RunFolder.open(SAMPLE)
    plan, history = folder.plan(), folder.history()
    requests = history.requests.copy()
    served = requests.index[(requests["served_by"] == "openai") & (requests["phase"] == "baseline")][3]
    requests.loc[served, "outcome"] = "error"
    found = compare(plan, history, replace(history, requests=requests))
    assert len(found.differing) == 1
    assert not found.agree
    assert requests.loc[served, "request_id"] in page([found])


@pytest.mark.parametrize(("factor", "agree"), [(1.0, True), (1.05, True), (2.0, False)])
def test_waits_agree_within_the_bounds(factor: float, agree: bool) -> None:
    """A few per cent are jitter, twice as long is another policy."""
    live = np.linspace(2.0, 2.75, 100)
    assert Waits(live=live, sim=live * factor).agree is agree
    assert Waits(live=live[:5], sim=live).agree
