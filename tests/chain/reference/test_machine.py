"""What the reference chain does with one request."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chain.reference import ChainExhausted, Failure, Request, Result, Send, Shared
from harness.chain.spec import Backoff, BreakerSpec, BudgetSpec, Policy, Retry
from tests.chain.reference.world import S, chain, fails, make, per_provider, play, well

NAMES = ("openai", "azure", "anthropic")
FAILURES = typing.get_args(Failure)
RETRYABLE = {"rate_limit", "server_error", "timeout", "connection"}
CALLERS_OWN = {"invalid", "filtered"}

policies = st.builds(
    Policy,
    base=st.integers(1, S),
    cap=st.integers(1, 10 * S),
    retry_after_max=st.integers(0, 20 * S),
    fallback_jitter=st.integers(0, S),
    deadline=st.integers(S, 40 * S),
    breaker=st.none() | st.builds(BreakerSpec, failures=st.integers(1, 4), open=st.integers(1, 20 * S)),
    budget=st.none() | st.builds(BudgetSpec, share=st.floats(0, 1), floor=st.integers(1, 5)),
    hedge=st.none() | st.integers(1, 3 * S),
    streams=st.sampled_from(["before-first-token", "restart"]),
)
retries = st.builds(
    Retry,
    attempts=st.none() | st.integers(1, 5),
    backoff=st.none() | st.sampled_from(typing.get_args(Backoff)),
    on=st.none() | st.lists(st.sampled_from(sorted(RETRYABLE)), unique=True).map(tuple),
)
endings = st.tuples(
    st.integers(0, 30 * S),
    st.none() | st.sampled_from(FAILURES),
    st.none() | st.integers(0, 30 * S),
    st.booleans(),
)


@given(policy=policies, retry=retries, script=st.lists(endings, min_size=40, max_size=40), requests=st.integers(1, 4))
def test_whatever_happens_it_keeps_its_limits_and_ends(
    policy: Policy, retry: Retry, script: list[tuple[int, Failure | None, int | None, bool]], requests: int
) -> None:
    """It ends by its deadline, within its attempts and its budget, and tries nothing again that cannot get better."""
    of = chain(*NAMES, policy=policy, retry=retry)
    shared = Shared(of, seed=3)
    play_on, again_in_all = iter(script * 10), 0
    for number in range(requests):
        request = Request(shared, name=f"req-{number}", start_ns=0)

        def answer(send: Send, _now: int) -> tuple[int, Result]:
            took, failure, told, begun = next(play_on)
            return took, Result(send.attempt, failure, retry_after_ns=told, begun=begun)

        story = play(request, answer)
        attempts = retry.attempts or 2
        assert story.end_ns <= policy.deadline
        per = [sum(send.provider == name for _, send in story.sent) for name in NAMES]
        assert max(per) <= attempts
        again_in_all += sum(count - 1 for count in per if count)
        _nothing_hopeless(story.sent, {r.attempt: (at, r) for at, r in story.ended}, policy)
    if policy.budget is not None:
        assert again_in_all <= policy.budget.floor + requests * policy.budget.share


def _nothing_hopeless(sent: list[tuple[int, Send]], ended: dict[int, tuple[int, Result]], policy: Policy) -> None:
    for place, (at, send) in enumerate(sent):
        before = [earlier.attempt for _, earlier in sent[:place] if earlier.provider == send.provider]
        if not before:
            continue
        ended_ns, last = ended[before[-1]]
        assert last.failure in RETRYABLE
        if last.retry_after_ns is not None:
            assert at >= ended_ns + last.retry_after_ns
            assert last.retry_after_ns <= policy.retry_after_max


@pytest.mark.parametrize("failure", sorted(set(FAILURES) - CALLERS_OWN))
def test_a_provider_that_is_well_serves_whatever_the_others_do(failure: Failure) -> None:
    """One healthy provider is enough, and the answer says who it was and how deep."""
    request = make(chain(*NAMES))
    story = play(request, per_provider(openai=fails(failure), azure=fails(failure), anthropic=well))
    assert (story.done.served_by, story.done.depth) == ("anthropic", 2)


@pytest.mark.parametrize("failure", sorted(CALLERS_OWN))
def test_what_is_wrong_everywhere_is_asked_once(failure: Failure) -> None:
    """A request that every provider must refuse goes to the first alone."""
    story = play(make(chain(*NAMES)), fails(failure))
    assert [send.provider for _, send in story.sent] == ["openai"]


def test_a_told_delay_is_waited_for() -> None:
    """Retry-After decides, not the backoff."""
    story = play(make(chain("openai", retry=Retry(attempts=2))), fails("rate_limit", retry_after_ns=3 * S))
    (first, _), (second, _) = story.sent
    assert second - first >= 3 * S


def test_a_delay_that_nobody_waits_for_is_a_reason_to_fall_back() -> None:
    """A long Retry-After sends the request to the next provider at once."""
    request = make(chain(*NAMES, policy=Policy(fallback_jitter=0)))
    story = play(request, per_provider(openai=fails("rate_limit", retry_after_ns=60 * S), azure=well))
    assert [(at, send.provider) for at, send in story.sent] == [(0, "openai"), (S // 10, "azure")]


def test_an_open_breaker_spares_the_provider() -> None:
    """Who has failed often enough is not asked until its time is over; then one probe decides."""
    policy = Policy(breaker=BreakerSpec(failures=2, open=10 * S), budget=None, fallback_jitter=0)
    shared = Shared(chain("openai", "azure", policy=policy, retry=Retry(attempts=1)))
    sick = per_provider(openai=fails("server_error"), azure=well)

    def asked(at: int, healthy: bool = False) -> list[str]:
        request = Request(shared, name=f"at-{at}", start_ns=at)
        story = play(request, well if healthy else sick, start_ns=at)
        return [send.provider for _, send in story.sent]

    assert asked(0) == asked(1 * S) == ["openai", "azure"]
    assert asked(2 * S) == ["azure"]
    assert asked(12 * S) == ["openai", "azure"]
    assert asked(13 * S) == ["azure"]
    assert asked(23 * S, healthy=True) == asked(24 * S, healthy=True) == ["openai"]


def test_when_every_breaker_is_open_somebody_is_asked_all_the_same() -> None:
    """An open breaker never loses a request that a provider could have served."""
    policy = Policy(breaker=BreakerSpec(failures=1, open=60 * S), budget=None)
    shared = Shared(chain("openai", "azure", policy=policy, retry=Retry(attempts=1)))
    play(Request(shared, name="a", start_ns=0), fails("connection"))
    story = play(
        Request(shared, name="b", start_ns=S), per_provider(openai=fails("connection"), azure=well), start_ns=S
    )
    assert story.done.served_by == "azure"


def test_silence_brings_in_the_next_provider() -> None:
    """A hedge asks the next provider after a while, and the first answer counts."""
    request = make(chain("openai", "azure", policy=Policy(hedge=S)))

    def silent(send: Send, _now: int) -> tuple[int, Result]:
        return 30 * S, Result(send.attempt)

    story = play(request, per_provider(openai=silent, azure=well))
    assert (story.done.served_by, story.done.cancelled) == ("azure", (1,))
    assert story.end_ns == S + S // 10


def test_the_hedged_one_may_still_win() -> None:
    """The one that was silent for long can be first all the same."""
    request = make(chain("openai", "azure", policy=Policy(hedge=S)))

    def late(send: Send, _now: int) -> tuple[int, Result]:
        return S + S // 20, Result(send.attempt)

    story = play(request, per_provider(openai=late, azure=well))
    assert (story.done.served_by, story.done.cancelled) == ("openai", (2,))


def test_after_the_first_token_there_is_no_second_provider() -> None:
    """Half an answer is not mended by the beginning of another; held back, it can be."""
    broken = per_provider(openai=fails("connection", begun=True), azure=well)
    assert play(make(chain("openai", "azure")), broken).done.served_by is None
    held_back = make(chain("openai", "azure", policy=Policy(streams="restart"), retry=Retry(attempts=1)))
    assert play(held_back, broken).done.served_by == "azure"


def test_a_provider_that_is_too_dear_is_skipped() -> None:
    """What an attempt may cost counts, and so does what the ones before it took."""
    policy = Policy(max_cost=0.05)
    request = make(chain(*NAMES, policy=policy), costs={"openai": 0.06, "azure": 0.01, "anthropic": 0.04})
    costly = per_provider(azure=fails("denied", cost_usd=0.02), anthropic=well)
    story = play(request, costly)
    assert [send.provider for _, send in story.sent] == ["azure"]
    assert [skip.provider for skip in story.done.skipped] == ["openai", "anthropic"]


def test_a_request_may_bring_its_own_chain() -> None:
    """The order and the tries of one request differ from those of the others."""
    story = play(make(chain(*NAMES), order=("anthropic", "openai"), attempts=1), fails("server_error"))
    assert [send.provider for _, send in story.sent] == ["anthropic", "openai"]


def test_the_last_word_names_everyone() -> None:
    """When all fail, the error lists every attempt and everyone who was not asked."""
    policy = Policy(max_cost=0.01)
    request = make(chain(*NAMES, policy=policy, retry=Retry(attempts=2)), costs={"azure": 1.0})
    text = str(ChainExhausted(play(request, fails("server_error", status=503)).done))
    assert text.count("openai: server_error (503)") == 2
    assert text.count("anthropic: server_error (503)") == 2
    assert "azure: not asked, too dear" in text
