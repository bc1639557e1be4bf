"""What is found is written down so that people understand it and programs can run it again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis.database import DirectoryBasedExampleDatabase

from harness import experiment
from harness.errors import UsageError
from harness.experiment.exploration import Explored
from harness.experiment.prepare import load
from harness.judge import RunData, Status, judge
from harness.judge.properties import PROPERTIES, broken
from harness.quantities import S
from harness.scenario import Fault, Inject
from harness.sim import run
from harness.sim.search import FaultSchedule, Space, search_run_of
from harness.sim.search.describe import describe
from harness.sim.search.to_yaml import to_yaml
from harness.sim.search.trial import search_run_of_plan
from harness.store import encode
from tests.plans import chain_file
from tests.sim.planted import BUGS, CORRECT, NAMES

POLICY = """\
retry: {attempts: 2}
timeout: 2s
policy: {deadline: 30s, first_token: 2s, idle: 2s, retry_after_max: 2s, cap: 2s}
"""
CHAIN = chain_file("openai", "azure", "anthropic", name="three", more=POLICY)
PATIENT_CHAIN = CHAIN.replace("2s", "10s").replace("attempts: 2", "attempts: 1").replace("30s", "15s")
POLICIES = {
    "never-returns-to-the-primary": ("cap: 2s", "cap: 2s, breaker: {failures: 1}"),
    "retries-without-end": ("cap: 2s", "cap: 2s, breaker: null, budget: null"),
}
"""What differs in the file of a chain whose bug is in its policy's own fields, or that needs them out of the way."""
SPACE = Space(chain=CORRECT, providers=NAMES, faults_max=3, deadline_ns=30 * S, seed=1)


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Return the file of a chain that is right."""
    path = tmp_path / "chains" / "three.yaml"
    path.parent.mkdir()
    path.write_text(CHAIN)
    return path


def search(chain: Path, breaks: str, *, budget_s: float = 600.0) -> Explored:
    """Search a chain for what breaks one property; it ends with the first find."""
    out = chain.parent.parent / "found"
    deadline_s = 15 if "15s" in chain.read_text() else 30
    return experiment.explore(
        chain, out=out, budget_s=budget_s, deadline=deadline_s * S, faults=2, properties=(breaks,)
    )


@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_find_fails_when_its_file_is_run_for_the_reason_it_was_found(chain: Path, name: str) -> None:
    """Whatever the property: the file is right, breaks it again, and all that it expects fails."""
    bug = BUGS[name]
    chain.write_text(CHAIN.replace(*POLICIES.get(name, ("", ""))))
    if name == "drops-the-deadline":  # a search for it takes a minute, so it goes on from an earlier one
        chain.write_text(PATIENT_CHAIN)
        silent = (fault("openai", connection="silent"), fault("azure", for_s=12, connection="silent"))
        database = DirectoryBasedExampleDatabase(chain.parent.parent / "found" / "examples")
        database.save(bug.breaks.encode(), encode(FaultSchedule(streaming=False, faults=silent)))
    with bug.planted():
        explored = search(chain, bug.breaks)
        (found,) = explored.found
        assert explored.exit_code == 1
        assert explored.retracted == 0
        (checked,) = experiment.check(found.scenario)
        assert checked.error is None
        loaded = load(found.scenario)
        assert bug.breaks in broken(search_run_of_plan(replace(explored.space, chain=loaded.chain), loaded.plan))
        # A verdict says that nobody returns only after ten callers who could have.
        assert loaded.plan.end_ns <= (52 if bug.breaks == "returns_to_primary" else 16) * S
        verdict = judge(RunData.of(loaded.plan, run(loaded.plan, loaded.chain).history))
        assert verdict.status is Status.FAIL
        assert {row.status for row in verdict.expectations} == {Status.FAIL}
        assert all(any(row.message in reason for reason in verdict.reasons) for row in verdict.expectations)
    told = found.scenario.read_text()
    assert found.sentence in told.replace("\n# ", " ")
    assert "--engine sim" in told
    assert found.scenario.name == f"found-{bug.breaks.replace('_', '-')}-1.yaml"


def test_a_find_no_longer_fails_when_its_chain_is_mended(chain: Path) -> None:
    """What is expected can also be kept: the file stays behind as a test of the chain."""
    with BUGS["forgets-the-third-provider"].planted():
        (found,) = search(chain, "survives_if_any_healthy").found
    loaded = load(found.scenario)
    assert loaded.scenario.expect == ("failed_requests <= 0",)
    assert judge(RunData.of(loaded.plan, run(loaded.plan, loaded.chain).history)).status is Status.PASS


def test_all_properties_have_a_chain_that_breaks_them() -> None:
    """So that the tests of finds leave none out."""
    assert {bug.breaks for bug in BUGS.values()} == set(PROPERTIES.own)


def test_what_is_found_again_is_one_file(chain: Path) -> None:
    """A second search goes on from the first, and writes nothing twice."""
    bug = BUGS["retries-a-400"]
    with bug.planted():
        first = search(chain, bug.breaks).found
        second = search(chain, bug.breaks).found
    assert first == second
    assert len(list(first[0].scenario.parent.glob("*.yaml"))) == 1


def test_nothing_found_is_reported_with_what_was_searched(chain: Path) -> None:
    """Exit 0, and a line with how many timelines, where, and for what."""
    explored = search(chain, "bounded_latency", budget_s=0.2)
    assert explored.exit_code == 0
    line = explored.searched()
    assert "timelines of up to 2 faults at openai, azure, anthropic" in line
    assert "bounded_latency" in line


@pytest.mark.parametrize(
    ("fields", "known"), [({"providers": ("opnai",)}, "openai"), ({"properties": ("bounded",)}, "bounded_latency")]
)
def test_an_unknown_name_is_a_usage_error(chain: Path, fields: dict[str, tuple[str, ...]], known: str) -> None:
    """It lists what is known."""
    with pytest.raises(UsageError) as error:
        experiment.explore(chain, out=chain.parent / "found", budget_s=1, **fields)  # type: ignore[arg-type]
    assert known in (error.value.known or "")


def fault(on: str, *, at_s: float = 0.0, for_s: float = 1.0, **inject: object) -> Fault:
    """Return a fault."""
    return Fault(on=on, at=round(at_s * S), for_=round(for_s * S), inject=Inject(**inject))  # type: ignore[arg-type]


def told(name: str, bug: str, *faults: Fault) -> str:
    """Return the description of a schedule that breaks a property of a planted chain."""
    with BUGS[bug].planted():
        searched = search_run_of(replace(SPACE, chain=BUGS[bug].chain), FaultSchedule(streaming=False, faults=faults))
        return describe(name, searched, broken(searched)[name])


def test_a_person_would_say_it_so() -> None:
    """How many of what from whom, and what it comes to for the caller."""
    said = told(
        "survives_if_any_healthy",
        "forgets-the-third-provider",
        fault("openai", status=429),
        fault("azure", connection="reset"),
    )
    assert said == (
        "two 429s from openai and two resets from azure, 537 ms apart,"
        " and the caller gets a 502 after 587 ms although anthropic was healthy"
    )
    said = told("respects_retry_after", "ignores-retry-after", fault("openai", status=429, retry_after=2 * S))
    assert "with Retry-After 2 s from openai, and openai is asked again after 4" in said
    assert said.endswith("although its Retry-After was 2 s")


def test_a_sentence_has_the_numbers_of_its_run() -> None:
    """A Retry-After as a date is described as one, with the wait that it came to; attempts are counted, providers named."""
    date = {"status": 429, "retry_after": 2 * S, "retry_after_as": "date"}
    said = told("respects_retry_after", "ignores-retry-after", fault("openai", **date))
    assert "two 429s with a date for Retry-After from openai, and openai is asked again" in said
    assert said.endswith("although its Retry-After was 2 s")
    said = told("bounded_attempts", "retries-without-end", fault("openai", for_s=4, status=503))
    assert said == "six 503s from openai, and one request makes 7 attempts where the chain's policy allows 6"
    said = told("no_retry_on_non_retryable", "retries-a-400", fault("openai", status=400))
    assert said == "two 400s from openai, and openai is asked again after 462 ms although no retry can change that"
    said = told("order_respected", "asks-the-last-first", fault("openai", status=503))
    assert said == "two 503s from openai, and anthropic is asked although it was azure's turn"


@pytest.mark.parametrize(
    ("inject", "harm"),
    [
        ({"stream": "cut"}, "the caller is given part of an answer reported as success"),
        ({"stream": "end"}, "the caller is given part of an answer reported as success"),
    ],
)
def test_what_a_caller_is_given_in_place_of_an_answer(inject: dict[str, object], harm: str) -> None:
    """Half of it."""
    with BUGS["takes-half-for-whole"].planted():
        searched = search_run_of(SPACE, FaultSchedule(streaming=True, faults=(fault("openai", **inject),)))
        said = describe("no_truncated_success", searched, broken(searched)["no_truncated_success"])
    assert said.endswith(harm)


def test_a_file_holds_every_field(chain: Path, tmp_path: Path) -> None:
    """What is written is read again as it was: selectors, streams, durations."""
    schedule = FaultSchedule(
        streaming=True,
        faults=(
            Fault(on="openai", at=S // 10, for_=S, first=2, inject=Inject(status=429, retry_after=2 * S)),
            Fault(on="azure", at=0, for_=S // 2, share=0.5, inject=Inject(stream="stall", pause=20 * S)),
            fault("anthropic", stream="cut", after_tokens=0),
        ),
    )
    text = to_yaml(
        SPACE.scenario(schedule),
        chain="chains/three.yaml",
        name="found-1",
        title="it's so: this happens",
        comments=["A sentence. " * 20],
        commands=["harness run " + "far/" * 40],
        expect=("no wrong_order",),
    )
    assert max(map(len, text.splitlines()[:3])) <= 120
    assert f"# harness run {'far/' * 40}\n" in text  # whole, so that it can be copied
    file = tmp_path / "found-1.yaml"
    file.write_text(text)
    loaded = load(file)
    assert loaded.scenario.faults == schedule.faults
    assert loaded.scenario.load == SPACE.scenario(schedule).load
    assert loaded.scenario.expect == ("no wrong_order",)
    assert loaded.plan.timeline == SPACE.plan(schedule).timeline
    assert loaded.plan.arrivals == SPACE.plan(schedule).arrivals
