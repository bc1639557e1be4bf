"""Who is let in as a worker, and who is refused with which words."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

import pytest

import harness
from harness.errors import UsageError
from harness.live.load.members import Members
from harness.live.worker_messages import Join, MasterStart

START = MasterStart(token="a-token-of-the-run", local=1, expected=2)
JOIN = Join(token=START.token, harness=harness.__version__, locust=version("locust"), clock="clock-1", sends_rows=True)
OWN = replace(JOIN, name="worker-1", sends_rows=False)


def members() -> Members:
    """Return the workers of a run of which none has come."""
    return Members(START, clock="clock-1")


def test_names_follow_the_order_of_joining() -> None:
    """The runner's own have their names; the others get what is left."""
    run = members()
    assert run.admit("a_1", JOIN).name == "worker-2"
    assert run.admit("b_1", OWN).name == "worker-1"
    assert run.missing == ["worker-3"]
    assert run.admit("c_1", JOIN).name == "worker-3"
    assert [member.node for member in run] == ["b_1", "a_1", "c_1"]


@pytest.mark.parametrize(("clock", "same"), [("clock-1", True), ("clock-2", False), (None, False)])
def test_one_clock_needs_no_estimate(clock: str | None, same: bool) -> None:
    """A worker on the master's machine has its clock; one that does not know is estimated."""
    assert members().admit("a_1", replace(JOIN, clock=clock)).same_clock is same


@pytest.mark.parametrize(
    ("join", "problem", "hint"),
    [
        (replace(JOIN, token="another"), "it has another token", "HARNESS_TOKEN must be the same on both sides"),
        (replace(JOIN, token="ä"), "it has another token", "HARNESS_TOKEN"),
        (replace(JOIN, harness="0.0.1"), f"it has harness 0.0.1, and the run {harness.__version__}", "same version"),
        (replace(JOIN, locust="2.0"), f"it has Locust 2.0, and the run {version('locust')}", "same version of Locust"),
        (replace(OWN, name="worker-9"), "all 2 workers from elsewhere", "--expect-workers 3"),
    ],
)
def test_who_does_not_fit_is_refused(join: Join, problem: str, hint: str) -> None:
    """By the name of its machine, with what to do; and it takes nobody's place."""
    run = members()
    with pytest.raises(UsageError, match=problem) as caught:
        run.admit("far-away_1234", join)
    assert caught.value.where == "a worker on far-away"
    assert hint in (caught.value.hint or "")
    assert run.missing == ["worker-1", "worker-2", "worker-3"]


def test_nobody_comes_twice() -> None:
    """Neither the same process, nor another one by its name, nor one too many."""
    run = members()
    run.admit("a_1", OWN)
    for node, join in (("a_1", JOIN), ("b_1", OWN)):
        with pytest.raises(UsageError, match="has joined already"):
            run.admit(node, join)
    run.admit("b_1", JOIN)
    run.admit("c_1", JOIN)
    with pytest.raises(UsageError, match="all 2 workers from elsewhere have joined already"):
        run.admit("d_1", JOIN)


def test_a_master_shows_nobody_its_token() -> None:
    """Not in a traceback either."""
    assert START.token not in repr(START)
    assert START.token not in repr(JOIN)
