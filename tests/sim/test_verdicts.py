"""The verdict against chains with one known mistake each: it names that mistake, and no other."""

from __future__ import annotations

import pytest

from harness.chain import Chain
from harness.judge import RunData, Status, Verdict, judge
from harness.judge.findings import FINDINGS
from harness.sim import run
from tests.sim.planted import hosted
from tests.sim.planted.conduct import MISTAKES, Mistake
from tests.sim.test_findings_by_kind import SPOILT


def verdict(mistake: Mistake, chain: Chain) -> Verdict:
    """Return the answer of a run in a mistake's scenario."""
    plan = mistake.plan(chain)
    return judge(RunData.of(plan, run(plan, chain).history))


def found(answer: Verdict) -> set[str]:
    """Return the findings that were made."""
    return {finding.id for finding in answer.findings if finding.status is Status.FAIL}


def test_every_finding_has_a_chain_that_shows_it() -> None:
    """A new finding needs one, but for that of a run whose faults touched nothing, and that of a gateway's database."""
    elsewhere = {"fault_never_fired", "spend_disagrees"}
    assert {*MISTAKES, *(finding for finding, _kind, _host in SPOILT)} == set(FINDINGS.own) - elsewhere


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_and_nothing_else(name: str) -> None:
    """The finding that is its own is made; what only advises fails nobody."""
    mistake = MISTAKES[name]
    with hosted(**mistake.instead):
        answer = verdict(mistake, mistake.chain)
    assert found(answer) == {name, *mistake.also}, answer.reasons
    assert answer.status is (Status.PASS if name == "late_fallback" else Status.FAIL)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_chain_without_it_is_cleared(name: str) -> None:
    """In the same scenario, which could have shown the mistake."""
    answer = verdict(MISTAKES[name], MISTAKES[name].right)
    assert found(answer) == set(), answer.reasons
    assert answer.status is Status.PASS, answer.reasons
    (own,) = (finding for finding in answer.findings if finding.id == name)
    assert own.samples > 0
