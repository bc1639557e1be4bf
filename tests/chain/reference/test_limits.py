"""What the reference chain never does, whatever happens to many overlapping requests."""

import typing
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from harness.chain import Chain
from harness.chain.policy import Backoff, BreakerSpec, BudgetSpec, FallbackSpec, FallbackWait, Policy, Retry
from harness.chain.reference import Done, Failure, RequestMachine, Result, SendAttempt, Shared
from harness.chain.reference.breaker import Breaker, Permit
from harness.quantities import S
from tests.chain.reference.world import Happening, play_all
from tests.plans import chain

NAMES = ("openai", "azure", "anthropic")
FAILURES = tuple(failure for failure in typing.get_args(Failure) if failure != "given_up")
RETRYABLE = ("connection", "rate_limit", "server_error", "timeout")
CALLERS_OWN = {"invalid", "content_policy", "context_window"}

retries = st.builds(
    Retry,
    attempts=st.none() | st.integers(1, 5),
    backoff=st.none() | st.sampled_from(typing.get_args(Backoff)),
    on=st.none() | st.lists(st.sampled_from(FAILURES), unique=True).map(tuple),
    factor=st.none() | st.floats(1, 5),
)
policies = st.builds(
    Policy,
    retry_at=st.dictionaries(st.sampled_from(NAMES), retries),
    retries_after=st.dictionaries(st.sampled_from(RETRYABLE), st.integers(0, 3)),
    base=st.integers(1, S),
    cap=st.integers(1, 10 * S),
    retry_after_max=st.integers(0, 20 * S),
    fallback_wait=st.builds(
        lambda least, more, growth, most: FallbackWait(min=least, max=least + more, growth=growth, most=most),
        st.integers(0, S),
        st.integers(0, S),
        st.floats(1, 3),
        st.floats(1, 4),
    ),
    max_attempts=st.none() | st.integers(1, 6),
    deadline=st.integers(S, 40 * S),
    breaker=st.none()
    | st.builds(BreakerSpec, failures=st.integers(1, 4), open=st.integers(1, 20 * S), probes=st.integers(1, 3)),
    budget=st.none() | st.builds(BudgetSpec, share=st.floats(0, 1), floor=st.integers(1, 5)),
    hedge=st.none() | st.integers(1, 3 * S),
    hedge_most=st.integers(2, 3),
    session_budget=st.none() | st.floats(1, 5),
    max_cost=st.none() | st.floats(0.1, 1),
    streams=st.sampled_from(["before-first-token", "restart"]),
)
chains = st.builds(
    chain,
    st.just(NAMES[0]),
    st.just(NAMES[1]),
    st.just(NAMES[2]),
    policy=policies,
    retry=st.none() | retries,
    timeout=st.none() | st.integers(1, 20 * S),
    fallback=st.none()
    | st.builds(FallbackSpec, on=st.none() | st.lists(st.sampled_from(FAILURES), unique=True).map(tuple)),
)
endings = st.tuples(
    st.integers(0, 30 * S),
    st.none() | st.sampled_from(FAILURES),
    st.none() | st.integers(0, 30 * S),
    st.booleans(),
    st.floats(0, 0.3),
)
stories = st.tuples(
    chains,
    st.lists(st.integers(0, 30 * S), min_size=1, max_size=8).map(sorted),
    st.lists(endings, min_size=1, max_size=20),
    st.dictionaries(st.integers(0, 7), st.integers(0, 60 * S), max_size=3),
)
Story = tuple[Chain, list[int], list[tuple[int, Failure | None, int | None, bool, float]], dict[int, int]]


def _play(story: Story, breakers: Mapping[str, Breaker] | None = None) -> list[Happening]:
    of, starts, script, leaving = story
    shared = Shared(of, seed=3)
    shared.breakers.update(breakers or {})
    costs = dict.fromkeys(NAMES, 0.3)
    sent = 0

    def answer(send: SendAttempt, _now: int) -> tuple[int, Result]:
        nonlocal sent
        took, failure, told, begun, cost = script[sent % len(script)]
        begun = begun and _policy(of).streams != "restart"  # there the caller sees nothing before the end
        sent += 1
        return took, Result(send.attempt, failure, retry_after_ns=told, begun=begun, cost_usd=cost)

    requests = [
        (at, partial(RequestMachine, shared, name=f"req-{place}", start_ns=at, costs=costs))
        for place, at in enumerate(starts)
    ]
    return play_all(requests, answer, {place: at for place, at in leaving.items() if place < len(starts)})


def _by_request(told: list[Happening]) -> dict[int, list[Happening]]:
    found: dict[int, list[Happening]] = defaultdict(list)
    for each in told:
        found[each.request].append(each)
    return found


def _policy(of: Chain) -> Policy:
    assert of.policy is not None
    return of.policy


@given(stories)
def test_every_request_ends_once_and_by_its_deadline(story: Story) -> None:
    """Neither hedges nor waits nor a Retry-After outlast the deadline, and no attempt may outlast it either."""
    of, starts, _, _ = story
    for number, told in _by_request(_play(story)).items():
        deadline_ns = starts[number] + _policy(of).deadline
        assert [each.done is not None for each in told].count(True) == 1
        assert told[-1].done is not None
        assert told[-1].at_ns <= deadline_ns
        for each in told:
            if each.send is not None:
                assert 0 < each.send.timeout_ns <= of.timeout if of.timeout else each.send.timeout_ns > 0
                assert each.at_ns + each.send.timeout_ns <= deadline_ns


@given(stories)
def test_no_provider_is_tried_more_often_than_its_rule_allows(story: Story) -> None:
    """Neither in all nor after one kind of failure, and never after one that cannot get better."""
    of = story[0]
    policy, common = _policy(of), of.retry or Retry()
    after: dict[str | None, int] = {kind: most for kind, most in policy.retries_after.items()}  # noqa: C416 - another type
    for told in _by_request(_play(story)).values():
        tries: Counter[str] = Counter()
        ended: dict[str, list[tuple[int, Result]]] = defaultdict(list)
        where: dict[int, str] = {}
        for each in told:
            if each.result is not None and each.result.attempt in where:
                ended[where[each.result.attempt]].append((each.at_ns, each.result))
            if each.send is None:
                continue
            name = where[each.send.attempt] = each.send.provider
            own = policy.retry_at.get(name, Retry())
            tries[name] += 1
            assert tries[name] <= (own.attempts or common.attempts or 2)
            if tries[name] > 1:
                at_ns, last = ended[name][-1]
                on = own.on if own.on is not None else common.on
                assert last.failure in (RETRYABLE if on is None else on)
                alike = sum(result.failure == last.failure for _, result in ended[name])
                assert alike <= after.get(last.failure, 99)
                if last.retry_after_ns is not None:
                    assert at_ns + last.retry_after_ns <= each.at_ns
                    assert last.retry_after_ns <= policy.retry_after_max


@given(stories)
def test_the_order_is_kept(story: Story) -> None:
    """Nobody is passed over but by a breaker or for its price; only a last resort goes back, once to each."""
    for told in _by_request(_play(story)).values():
        done = told[-1].done
        assert done is not None
        skipped = {skip.provider for skip in done.skipped}
        places = [NAMES.index(each.send.provider) for each in told if each.send is not None]
        back = next((turn for turn in range(1, len(places)) if places[turn] < places[turn - 1]), len(places))
        onward, resort = places[:back], places[back:]
        assert onward == sorted(onward)
        assert resort == sorted(set(resort) - set(onward))
        assert not resort or _policy(story[0]).breaker is not None
        for place in range(max(places, default=0)):
            assert place in places or NAMES[place] in skipped


@given(stories)
def test_no_more_retries_and_hedges_than_the_budget_holds(story: Story) -> None:
    """Over all requests, each adding its share."""
    of, starts = story[0], story[1]
    again = 0
    under_way: Counter[int] = Counter()
    tried: set[tuple[int, str]] = set()
    for each in _play(story):
        under_way[each.request] -= each.result is not None
        if each.send is not None:
            again += under_way[each.request] > 0 or (each.request, each.send.provider) in tried
            under_way[each.request] += 1
            assert under_way[each.request] <= _policy(of).hedge_most
            tried.add((each.request, each.send.provider))
    budget = _policy(of).budget
    if budget is not None:
        assert again <= budget.floor + len(starts) * budget.share + 1e-6


@given(stories)
def test_an_answer_is_reported_as_it_was(story: Story) -> None:
    """Who served, how deep, every attempt, everyone who had no turn, and the cost; nobody is asked after the end."""
    for told in _by_request(_play(story)).values():
        done = told[-1].done
        assert done is not None
        sent = [each.send for each in told if each.send is not None]
        results = {each.result.attempt: each.result for each in told if each.result is not None}
        assert [tried.provider for tried in done.tried] == [send.provider for send in sent]
        assert done.cost_usd <= sum(result.cost_usd for result in results.values()) + 1e-9
        _ending(done, sent, results)


def _ending(done: Done, sent: list[SendAttempt], results: dict[int, Result]) -> None:
    asked = {send.provider for send in sent}
    if done.attempt is None:
        assert asked | {skip.provider for skip in done.skipped} == set(NAMES)
        assert done.served_by is None
    else:
        assert results[done.attempt].failure is None
        assert (done.served_by, NAMES[done.depth]) == (sent[done.attempt - 1].provider,) * 2
    assert not asked & {skip.provider for skip in done.skipped}
    told = {send.attempt: tried.failure for send, tried in zip(sent, done.tried, strict=True)}
    for attempt, failure in told.items():
        assert failure == "given_up" if attempt in done.cancelled else failure == results[attempt].failure


@given(stories)
def test_nothing_follows_a_failure_that_ends_the_request(story: Story) -> None:
    """Neither another provider, where `fallback.on` leaves the failure out, nor an attempt more than allowed.

    A hedge follows the silence of an attempt that is still open, whatever became of the others.
    """
    of = story[0]
    after = None if of.fallback is None else of.fallback.on
    for told in _by_request(_play(story)).values():
        sent = [each.send for each in told if each.send is not None]
        most = _policy(of).max_attempts
        assert most is None or len(sent) <= most
        where = {send.attempt: send.provider for send in sent}
        for place, each in enumerate(told):
            failure = None if each.result is None else each.result.failure
            if each.result is None or failure is None or each.result.attempt not in where:
                continue
            ended = {earlier.result.attempt for earlier in told[: place + 1] if earlier.result is not None}
            open_still = {earlier.send.attempt for earlier in told[:place] if earlier.send is not None} - ended
            if open_still and _policy(of).hedge is not None:
                continue
            ends = next((p for p, later in enumerate(told[place + 1 :], place + 1) if later.result), len(told))
            begun = {later.send.provider for later in told[place:ends] if later.send is not None}
            if failure in CALLERS_OWN if after is None else failure not in after:
                assert begun <= {where[each.result.attempt]}, "another provider follows this failure"


class _Spy(Breaker):
    """A breaker that notes whom it let pass."""

    def __init__(self, spec: BreakerSpec) -> None:
        super().__init__(spec)
        self.spec = spec
        self.out: list[Permit] = []
        self.passed: set[int] = set()

    def admit(self, now_ns: int) -> Permit | None:
        state = self.state(now_ns)
        permit = super().admit(now_ns)
        if permit is not None:
            self.passed.add(now_ns)
            assert (state, permit.probe) in (("closed", False), ("half-open", True))
            self.out.append(permit)
        assert sum(permit.probe for permit in self.out) <= self.spec.probes
        return permit

    def ended(self, now_ns: int, permit: Permit, *, ok: bool | None) -> None:
        self.out.remove(permit)
        super().ended(now_ns, permit, ok=ok)


@given(stories)
def test_no_breaker_is_passed_without_its_leave(story: Story) -> None:
    """But for a last resort, when everybody else was asked or passed over; and every permit is given back."""
    spec = _policy(story[0]).breaker or BreakerSpec(failures=1, open=S)
    of = replace(story[0], policy=replace(_policy(story[0]), breaker=spec))
    spies = {name: _Spy(spec) for name in NAMES}
    for told in _by_request(_play((of, *story[1:]), spies)).values():
        sent = [(each.at_ns, each.send.provider) for each in told if each.send is not None]
        leave = [at_ns in spies[name].passed for at_ns, name in sent]
        resort = [name for (_, name), has in zip(sent, leave, strict=True) if not has]
        assert leave == sorted(leave, reverse=True)
        assert len(resort) == len(set(resort))
        assert not {name for _, name in sent[: len(sent) - len(resort)]} & set(resort)
    assert all(spy.out == [] for spy in spies.values())


@given(
    st.builds(BreakerSpec, failures=st.integers(1, 3), open=st.integers(1, 5), probes=st.integers(1, 3)),
    st.lists(st.tuples(st.integers(0, 4), st.none() | st.tuples(st.integers(0, 20), st.none() | st.booleans()))),
)
def test_a_breaker_opens_at_its_limit_and_stays_so_for_its_time(
    spec: BreakerSpec, turns: list[tuple[int, tuple[int, bool | None] | None]]
) -> None:
    """Whatever ends in whatever order: open means nobody, half-open so many, and no more failures in a row pass."""
    breaker, now, out, opened, row = _Spy(spec), 0, [], None, 0
    for wait, ending in turns:
        now += wait
        if ending is None:
            permit = breaker.admit(now)
            if opened is not None and now < opened + spec.open:
                assert permit is None
            if permit is not None:
                out.append(permit)
        elif out:
            which, ok = ending
            was = breaker.state(now)
            permit = out.pop(which % len(out))
            breaker.ended(now, permit, ok=ok)
            if was == "closed":
                row = 0 if ok else row + (ok is False and not permit.probe)
            if breaker.state(now) == "open" and was != "open":
                opened, row = now, 0
            if breaker.state(now) == "closed":
                opened = None
        assert row < spec.failures
