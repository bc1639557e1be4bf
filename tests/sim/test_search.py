"""The search finds what was planted, makes it small, and finds nothing in a chain that is right."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chain import Chain
from harness.chain.policy import BreakerSpec
from harness.errors import UsageError
from harness.judge.properties import PROPERTIES, broken
from harness.quantities import S
from harness.scenario import Fault, Inject
from harness.sim.search import FaultSchedule, Find, Hunt, Space, search_run_of
from harness.sim.search.trial import TrialResult
from tests.sim.planted import BUGS, CORRECT, NAMES, PATIENT, IgnoresRetryAfter, Planted, RetriesBadRequest

ONE = Fault(on="openai", at=0, for_=S, inject=Inject(status=503))


def space(chain: Chain = CORRECT, **fields: object) -> Space:
    """Return the space around a chain whose policy's deadline is the promise."""
    assert chain.policy is not None
    given_fields = {"providers": NAMES, "faults_max": 3, "deadline_ns": chain.policy.deadline, "seed": 3}
    return Space(chain=chain, **(given_fields | fields))  # type: ignore[arg-type]


def test_a_chain_that_only_embeds_texts_is_not_searched() -> None:
    """All that a search asks for is chats, which nobody there answers."""
    providers = {name: replace(provider, embeds=True) for name, provider in CORRECT.providers.items()}
    with pytest.raises(UsageError, match="embeds texts and answers no chats"):
        space(replace(CORRECT, providers=providers))


def hunt(where: Space, runs: int, **fields: object) -> Hunt:
    """Return a search that ends after so many runs."""
    search: Hunt

    def over() -> bool:
        return search.tried >= runs

    search = Hunt(where, over=over, **fields)  # type: ignore[arg-type]
    return search


@cache
def found_in(name: str) -> Find:
    """Return the first thing that is found in a chain with a bug; searched for once."""
    found = first(BUGS[name])
    assert found is not None
    return found


def first(bug: Planted, runs: int = 3000, **fields: object) -> Find | None:
    """Return the first thing that is found in a chain with a bug."""
    with bug.planted():
        return next(hunt(space(bug.chain), runs, properties=(bug.breaks,), **fields).run(), None)


@pytest.mark.parametrize("name", sorted(BUGS))
def test_every_planted_bug_is_found_and_made_small(name: str) -> None:
    """Each breaks its property, and three faults at most are enough to show it."""
    found = found_in(name)
    assert found.name == BUGS[name].breaks
    assert found.shrunk
    assert 1 <= len(found.schedule.faults) <= 3
    assert found.requests


def test_a_retry_after_ignored_is_shrunk_to_the_least() -> None:
    """One 429 with a Retry-After from the primary, at once, for a second, in whole, without streams."""
    found = found_in("ignores-retry-after")
    assert not found.schedule.streaming
    (fault,) = found.schedule.faults
    assert (fault.on, fault.at, fault.share, fault.first) == ("openai", 0, 1.0, None)
    assert fault.inject == Inject(status=429, retry_after=2 * S)


@pytest.mark.parametrize("chain", [CORRECT, PATIENT], ids=["correct", "patient"])
def test_a_chain_that_is_right_gives_nothing(chain: Chain) -> None:
    """The same chains without a bug break none of the properties that the bugs break there."""
    breaks = tuple(bug.breaks for bug in BUGS.values()) if chain is PATIENT else tuple(PROPERTIES.own)
    names = ("bounded_latency",) if chain is PATIENT else breaks
    search = hunt(space(chain), 150, properties=names)
    assert list(search.run()) == []
    assert search.tried == 150


def test_the_same_seed_tries_the_same() -> None:
    """Two searches agree in what they run, and in which order."""
    told = []
    for _ in range(2):
        search = hunt(space(), 30)
        assert list(search.run()) == []
        told.append(list(search._known))
    assert told[0] == told[1]


def test_the_same_seed_tries_the_same_whatever_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis draws numbers that it has read in loaded modules; none of them is one of ours."""
    told = []
    for _ in range(2):
        search = hunt(space(), 40)
        assert list(search.run()) == []
        told.append(list(search._known))
        (tmp_path / "somebodys.py").write_text("\n".join(f"A{place} = {place}" for place in range(3, 3000)))
        monkeypatch.syspath_prepend(tmp_path)
        importlib.import_module("somebodys")
    assert told[0] == told[1]


def test_what_shows_with_one_seed_only_is_dropped_for_good() -> None:
    """It is no find while there is time; what is left over at the end is marked, so that nobody reports it."""

    def lucky(_space: Space, schedule: FaultSchedule, _names: object, *, seed: int | None = None) -> TrialResult:
        shown = {"bounded_latency": ("req-000001",)} if seed is None and schedule.streaming else {}
        return TrialResult(shown, 0.0, 1)

    search = hunt(space(), 400, properties=("bounded_latency",), trial=lucky)
    (left,) = search.run()
    assert not left.steady
    assert search.tried == 400
    search.drop(left)
    assert search.finds == []


def test_a_find_does_not_hang_on_chance_where_it_need_not() -> None:
    """It is broken with other seeds too; a find that depends on one seed is marked."""
    found = found_in("forgets-the-third-provider")
    assert found.steady
    with BUGS["forgets-the-third-provider"].planted():
        for seed in (17, 18, 19):
            assert "survives_if_any_healthy" in broken(search_run_of(space(), found.schedule, seed=seed))


def test_a_find_is_over_soon() -> None:
    """One caller is enough to see a Retry-After ignored, and four to see that nobody returns."""
    for name, callers in (("ignores-retry-after", 1), ("never-returns-to-the-primary", 4)):
        found = found_in(name)
        assert (found.schedule.callers, found.schedule.after) == (callers, 0)


def test_a_search_goes_on_from_what_an_earlier_one_found(tmp_path: Path) -> None:
    """The database holds the find: a handful of runs is enough the second time, whatever the seed."""
    bug = BUGS["forgets-the-third-provider"]
    before = first(bug, database=tmp_path)
    assert before is not None
    after = first(bug, runs=12, seed=99, database=tmp_path)
    assert after is not None
    assert after.schedule == before.schedule


def test_what_an_earlier_search_left_torn_is_forgotten(tmp_path: Path) -> None:
    """A database is no reason to end: it was written by another version, or by a process that was killed."""
    bug = BUGS["forgets-the-third-provider"]
    assert first(bug, database=tmp_path) is not None
    (kept,) = [path for path in (tmp_path / "examples").rglob("*") if path.is_file() and b"faults" in path.read_bytes()]
    kept.write_bytes(kept.read_bytes()[:40])
    assert first(bug, database=tmp_path) is not None


def test_one_run_tells_of_all_properties() -> None:
    """A chain with two faults of its own has both found in one search."""

    class Both(IgnoresRetryAfter, RetriesBadRequest):
        """Two bugs at once."""

    with Planted(breaks="", request=Both).planted():
        names = ("respects_retry_after", "no_retry_on_non_retryable")
        found = list(hunt(space(), 300, properties=names).run())
    assert {each.name for each in found} == set(names)


@given(st.data())
def test_every_story_is_a_scenario_that_could_fire(data: st.DataObject) -> None:
    """Faults lie within their phase, on the grid, and ask for streams only where there are some."""
    where = space(faults_max=4)
    schedule = data.draw(where.schedules())
    assert 1 <= len(schedule.faults) <= 4
    for fault in schedule.faults:
        assert fault.at is not None
        assert fault.for_ is not None
        assert fault.for_ > 0
        assert fault.at % (S // 10) == 0
        assert fault.at + fault.for_ <= where.phases(schedule)["faults"]
        assert schedule.streaming or not fault.inject.fault_kind.streams_only


def test_what_is_simpler_is_smaller() -> None:
    """Leaving something out never makes a schedule larger."""
    schedule = FaultSchedule(
        streaming=True, faults=(ONE, Fault(on="azure", at=S, for_=S, share=0.5, inject=Inject(status=500)))
    )
    seen = [schedule]
    for each in seen:
        assert each.size <= schedule.size
        seen += [simpler for simpler in each.simpler() if simpler not in seen]
    assert seen[-1] in (
        FaultSchedule(streaming=False, faults=(ONE,)),
        FaultSchedule(streaming=False, faults=(replace(ONE, on="azure"),)),
    )


@pytest.mark.parametrize(("deadline_s", "gap_s"), [(10, 2), (30, 4), (90, 10), (3000, 10)])
def test_a_patient_chain_is_given_time(deadline_s: int, gap_s: int) -> None:
    """A run is about as many requests for every chain; its faults last as long as the chain may wait, within reason."""
    where = space(deadline_ns=deadline_s * S)
    assert where.gap_ns == gap_s * S
    requests = len(where.plan(FaultSchedule(streaming=False, faults=(ONE,))).arrivals)
    assert 12 <= requests <= 22


def test_an_interrupted_search_ends_at_once() -> None:
    """Whatever else a run raises is no find: it ends the search."""

    def over() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Hunt(space(), over=over).run())


def test_a_property_about_streams_searches_streams() -> None:
    """Most timelines stream where nothing else is looked for, and half of their faults are those of streams."""
    search = hunt(space(), 60, properties=("no_truncated_success",))
    assert list(search.run()) == []
    assert search.streamed > 30
    faults = [fault for schedule in search._known if schedule.streaming for fault in schedule.faults]
    assert sum(fault.inject.stream is not None for fault in faults) > len(faults) / 3
    plain = hunt(space(), 60, properties=("bounded_latency",))
    assert list(plain.run()) == []
    assert plain.streamed < 30


def test_what_was_not_tried_is_known() -> None:
    """A fault at a provider that no timeline had."""
    search = hunt(space(), 5)
    assert list(search.run()) == []
    pairs = set(space().pairs())
    tried = {(fault.on, fault.inject) for schedule in search._known for fault in schedule.faults}
    assert set(search.untried()) == pairs - tried
    assert 0 < len(search.untried()) < len(pairs)


@pytest.mark.parametrize(("cooldown_s", "outlasted"), [(0, False), (30, False), (600, True)])
def test_all_are_healthy_for_longer_than_a_cooldown(cooldown_s: int, outlasted: bool) -> None:
    """So that a chain can show that it returns; where the cooldown is too long for a search, that is known."""
    assert CORRECT.policy is not None
    breaker = BreakerSpec(failures=3, open=cooldown_s * S) if cooldown_s else None
    where = space(replace(CORRECT, policy=replace(CORRECT.policy, breaker=breaker)))
    assert where.outlasted is outlasted
    assert where.after * where.gap_ns >= 24 * S
    if not outlasted:
        assert where.after * where.gap_ns > (cooldown_s + 10) * S
