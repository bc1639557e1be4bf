"""What the reference chain does with one request."""

import typing
from dataclasses import replace

import pytest

from harness.chain.policy import Backoff, BreakerSpec, FallbackSpec, FallbackWait, Policy, Retry
from harness.chain.reference import (
    ChainExhausted,
    Done,
    Failure,
    RequestMachine,
    Result,
    SendAttempt,
    Shared,
    Skip,
    WaitUntil,
)
from harness.chain.reference.backoff import wait_ns
from harness.chain.reference.breaker import Breaker
from harness.quantities import S
from tests.chain.reference.world import fails, make, per_provider, play, well
from tests.plans import chain

NAMES = ("openai", "azure", "anthropic")
FAILURES = set(typing.get_args(Failure)) - {"given_up"}
CALLERS_OWN = {"invalid", "content_policy", "context_window"}


@pytest.mark.parametrize("failure", sorted(FAILURES - CALLERS_OWN))
def test_a_provider_that_is_well_serves_whatever_the_others_do(failure: Failure) -> None:
    """One healthy provider is enough, and the result has its name and depth."""
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
    request = make(chain(*NAMES, policy=Policy(fallback_wait=FallbackWait(max=0))))
    story = play(request, per_provider(openai=fails("rate_limit", retry_after_ns=60 * S), azure=well))
    assert [(at, send.provider) for at, send in story.sent] == [(0, "openai"), (S // 10, "azure")]


def test_retries_differ_by_provider_and_by_failure() -> None:
    """One provider may have tries of its own, and one kind of failure a limit of its own."""
    policy = Policy(retry_at={"azure": Retry(attempts=1)}, retries_after={"rate_limit": 0}, budget=None)
    of = chain(*NAMES, policy=policy, retry=Retry(attempts=4))
    story = play(make(of), per_provider(openai=fails("rate_limit"), azure=fails("timeout"), anthropic=fails("timeout")))
    assert [send.provider for _, send in story.sent] == ["openai", "azure", *["anthropic"] * 4]


def test_a_retry_that_the_breaker_would_stop_is_not_waited_for() -> None:
    """The failure that opens the breaker sends the request on at once."""
    policy = Policy(breaker=BreakerSpec(failures=1, open=60 * S), fallback_wait=FallbackWait(max=0))
    story = play(make(chain("openai", "azure", policy=policy)), per_provider(openai=fails("timeout"), azure=well))
    assert [(at, send.provider) for at, send in story.sent] == [(0, "openai"), (S // 10, "azure")]


def test_a_wait_that_outlasts_the_deadline_is_not_begun() -> None:
    """There is time for another provider, though not for this one's Retry-After."""
    request = make(chain("openai", "azure", policy=Policy(deadline=3 * S, fallback_wait=FallbackWait(max=0))))
    story = play(request, per_provider(openai=fails("rate_limit", retry_after_ns=5 * S), azure=well))
    assert (story.done.served_by, story.end_ns) == ("azure", 2 * S // 10)


def test_the_last_resort_is_for_those_who_were_not_asked() -> None:
    """One whose breaker another request opened while this one waited for its retry has had its turn."""
    policy = Policy(breaker=BreakerSpec(failures=2, open=60 * S), base=S, fallback_wait=FallbackWait(max=0))
    shared = Shared(chain("openai", "azure", policy=policy, retry=Retry(attempts=2, backoff="fixed")))
    request = RequestMachine(shared, name="a", start_ns=0)
    assert isinstance(request.step(0), SendAttempt)
    assert isinstance(request.step(0, Result(1, "server_error")), WaitUntil)
    breaker = shared.breakers["openai"]
    permit = breaker.admit(0)
    assert permit is not None
    breaker.ended(0, permit, ok=False)
    second = request.step(S)
    assert isinstance(second, SendAttempt)
    assert second.provider == "azure"
    done = request.step(S, Result(2, "denied"))
    assert isinstance(done, Done)
    assert [each.provider for each in done.tried] == ["openai", "azure"]


@pytest.mark.parametrize("ok", [True, False])
def test_what_comes_too_late_tells_a_breaker_nothing(ok: bool) -> None:
    """Neither does an old success close it, nor an old failure open it again."""
    breaker = Breaker(BreakerSpec(failures=1, open=S, probes=2))
    first, old = breaker.admit(0), breaker.admit(0)
    assert first is not None
    assert old is not None
    breaker.ended(0, first, ok=False)
    breaker.ended(0, old, ok=ok)
    assert breaker.state(0) == "open"
    probe, slow = breaker.admit(S), breaker.admit(S)
    assert probe is not None
    assert slow is not None
    breaker.ended(S, probe, ok=not ok)
    was = breaker.state(S)
    breaker.ended(S, slow, ok=ok)
    assert breaker.state(S) == was == ("open" if ok else "closed")


def test_a_caller_who_leaves_gives_the_probe_back() -> None:
    """Or the breaker would wait for ever for an attempt that nobody makes any more."""
    policy = Policy(breaker=BreakerSpec(failures=1, open=S), budget=None)
    shared = Shared(chain("openai", policy=policy, retry=Retry(attempts=1)))
    play(RequestMachine(shared, name="a", start_ns=0), fails("timeout"))
    gone = RequestMachine(shared, name="b", start_ns=5 * S)
    assert isinstance(gone.step(5 * S), SendAttempt)
    assert shared.breakers["openai"].admit(6 * S) is None
    done = gone.leave(6 * S)
    assert [(each.provider, each.failure) for each in done.tried] == [("openai", "given_up")]
    assert shared.breakers["openai"].admit(6 * S) is not None


def test_an_answer_that_the_caller_has_seen_the_beginning_of_is_the_one() -> None:
    """The later answer of a hedge does not count, however well it ends."""
    request = make(chain("openai", "azure", policy=Policy(hedge=S)))
    assert isinstance(request.step(0), SendAttempt)
    assert isinstance(request.step(S), SendAttempt)
    request.begun(S, 2)
    assert isinstance(request.step(2 * S, Result(1)), WaitUntil)
    done = request.step(3 * S, Result(2))
    assert isinstance(done, Done)
    assert (done.served_by, done.cancelled) == ("azure", (1,))
    assert [each.failure for each in done.tried] == ["given_up", None]


def test_a_hedge_passes_over_whom_nobody_may_ask() -> None:
    """The next provider that may be asked is, and the one whose breaker is open is reported as skipped."""
    policy = Policy(hedge=S, breaker=BreakerSpec(failures=1, open=60 * S))
    shared = Shared(chain(*NAMES, policy=policy), seed=1)
    permit = shared.breakers["azure"].admit(0)
    assert permit is not None
    shared.breakers["azure"].ended(0, permit, ok=False)

    def silent(send: SendAttempt, _now: int) -> tuple[int, Result]:
        return 30 * S, Result(send.attempt)

    story = play(RequestMachine(shared, name="a", start_ns=0), per_provider(openai=silent, anthropic=well))
    assert (story.done.served_by, story.done.skipped) == ("anthropic", (Skip("azure", "breaker open"),))


def test_no_fallback_waits_for_nobody() -> None:
    """After the last provider has failed the request ends at once."""
    story = play(
        make(chain("openai", policy=Policy(fallback_wait=FallbackWait(max=S)), retry=Retry(attempts=1))),
        fails("timeout"),
    )
    assert story.end_ns == S // 10


def test_an_open_breaker_spares_the_provider() -> None:
    """Who has failed often enough is not asked until its time is over; then one probe decides."""
    policy = Policy(breaker=BreakerSpec(failures=2, open=10 * S), budget=None, fallback_wait=FallbackWait(max=0))
    shared = Shared(chain("openai", "azure", policy=policy, retry=Retry(attempts=1)))
    sick = per_provider(openai=fails("server_error"), azure=well)

    def asked(at: int, healthy: bool = False) -> list[str]:
        request = RequestMachine(shared, name=f"at-{at}", start_ns=at)
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
    play(RequestMachine(shared, name="a", start_ns=0), fails("connection"))
    story = play(
        RequestMachine(shared, name="b", start_ns=S), per_provider(openai=fails("connection"), azure=well), start_ns=S
    )
    assert story.done.served_by == "azure"


def test_silence_brings_in_the_next_provider() -> None:
    """A hedge asks the next provider after a while, and the first answer counts."""
    request = make(chain("openai", "azure", policy=Policy(hedge=S)))

    def silent(send: SendAttempt, _now: int) -> tuple[int, Result]:
        return 30 * S, Result(send.attempt)

    story = play(request, per_provider(openai=silent, azure=well))
    assert (story.done.served_by, story.done.cancelled) == ("azure", (1,))
    assert story.end_ns == S + S // 10


def test_the_hedged_one_may_still_win() -> None:
    """The one that was silent for long can be first all the same."""
    request = make(chain("openai", "azure", policy=Policy(hedge=S)))

    def late(send: SendAttempt, _now: int) -> tuple[int, Result]:
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
    """When all fail, the error lists every attempt with its error, and everyone who was not asked."""
    policy = Policy(max_cost=0.01)
    request = make(chain(*NAMES, policy=policy, retry=Retry(attempts=2)), costs={"azure": 1.0})
    text = str(ChainExhausted(play(request, fails("server_error", status=503, error="overloaded")).done))
    assert text.count("openai: server_error (503), overloaded") == 2
    assert text.count("anthropic: server_error (503), overloaded") == 2
    assert "azure: not asked, too dear" in text


@pytest.mark.parametrize(
    ("failure", "policy", "reason"),
    [
        ("invalid", Policy(), "refused everywhere"),
        ("timeout", Policy(deadline=S // 20), "no time"),
    ],
)
def test_who_had_no_turn_is_reported_with_the_reason(failure: Failure, policy: Policy, reason: str) -> None:
    """An error names those too who were never asked."""
    done = play(make(chain("openai", "azure", policy=policy)), fails(failure)).done
    assert [tuple(skip) for skip in done.skipped] == [("azure", reason)]


@pytest.mark.parametrize(
    ("backoff", "least", "most"),
    [
        ("fixed", [2, 2, 2, 2], [2, 2, 2, 2]),
        ("exponential", [2, 4, 8, 10], [2, 4, 8, 10]),
        ("full-jitter", [0, 0, 0, 0], [2, 4, 8, 10]),
        ("equal-jitter", [1, 2, 4, 5], [2, 4, 8, 10]),
        ("decorrelated", [2, 2, 2, 2], [2, 6, 10, 10]),
    ],
)
def test_each_backoff_grows_in_its_own_way(backoff: Backoff, least: list[int], most: list[int]) -> None:
    """Its waits lie between the bounds of its formula, and the jittered ones reach near to both."""
    for drawn, bounds in ((0.0, least), (1 - 2**-53, most)):
        waits, previous = [], 0
        for tries in (1, 2, 3, 4):
            previous = wait_ns(
                backoff, tries=tries, base_ns=2 * S, cap_ns=10 * S, factor=2, previous_ns=previous, drawn=drawn
            )
            waits.append(round(previous / S))
        assert waits == bounds


def test_waits_grow_by_the_factor() -> None:
    """From wait to wait, until the cap."""
    policy = Policy(base=S, cap=20 * S, fallback_wait=FallbackWait(max=0), breaker=None, budget=None)
    of = chain("openai", policy=policy, retry=Retry(attempts=5, backoff="exponential", factor=3))
    sent = play(make(of), fails("server_error", took=0)).sent
    assert [at / S for at, _ in sent] == [0, 1, 4, 13, 33]


@pytest.mark.parametrize(("drawn", "waits"), [(0.0, [1, 2, 2]), (1 - 2**-53, [3, 6, 6])])
def test_the_wait_before_a_fallback_grows(drawn: float, waits: list[float]) -> None:
    """With each fallback of the request, up to a multiple."""
    wait = FallbackWait(min=S, max=3 * S, growth=2, most=2)
    assert [round(wait.wait_ns(earlier, drawn) / S, 6) for earlier in range(3)] == waits


def test_a_limit_of_attempts_counts_all_providers() -> None:
    """The request ends after so many, although another provider is left."""
    of = chain(*NAMES, policy=Policy(max_attempts=3), retry=Retry(attempts=2))
    story = play(make(of), fails("timeout"))
    assert [send.provider for _, send in story.sent] == ["openai", "openai", "azure"]
    assert story.done.skipped == (Skip("anthropic", "no attempt left"),)


def test_no_hedge_begins_beyond_the_limit_of_attempts() -> None:
    """The open attempt is waited for instead."""
    request = make(chain("openai", "azure", policy=Policy(hedge=S, max_attempts=1)))
    story = play(request, lambda send, _now: (5 * S, Result(send.attempt)))
    assert (story.done.served_by, story.done.cancelled) == ("openai", ())


def test_more_than_two_may_be_asked_at_a_time() -> None:
    """Each after another silence, up to the number that is allowed."""
    of = chain(*NAMES, policy=Policy(hedge=S, hedge_most=3))
    story = play(make(of), lambda send, _now: (10 * S, Result(send.attempt)))
    assert [(at / S, send.provider) for at, send in story.sent] == [(0, "openai"), (1, "azure"), (2, "anthropic")]


@pytest.mark.parametrize("failure", ["rate_limit", "quota", "invalid", "content_policy"])
def test_only_the_named_failures_fall_back(failure: str) -> None:
    """Any other ends the request, and the caller learns that the policy says so."""
    on = FallbackSpec(on=("rate_limit", "content_policy"))
    of = chain("openai", "azure", fallback=on, retry=Retry(attempts=1))
    done = play(make(of), per_provider(openai=fails(failure), azure=well)).done
    assert done.served_by == ("azure" if failure in ("rate_limit", "content_policy") else None)
    assert done.served_by or done.skipped == (Skip("azure", "not in fallback.on"),)


def test_a_refused_content_has_a_lane_of_its_own() -> None:
    """Its providers replace the rest of the order; other failures do not go there."""
    lanes = FallbackSpec(content_policy=("anthropic",), context_window=("azure",))
    of = chain(*NAMES, fallback=lanes, retry=Retry(attempts=1))
    refused = play(make(of), per_provider(openai=fails("content_policy"), anthropic=well))
    assert [send.provider for _, send in refused.sent] == ["openai", "anthropic"]
    long = play(make(of), per_provider(openai=fails("context_window"), azure=fails("timeout")))
    assert [send.provider for _, send in long.sent] == ["openai", "azure"]
    limited = play(make(of), per_provider(openai=fails("rate_limit"), azure=well))
    assert [send.provider for _, send in limited.sent] == ["openai", "azure"]


def test_a_failure_named_for_retries_is_tried_again() -> None:
    """Even one that is the request's own, and only then the request ends."""
    of = chain("openai", "azure", retry=Retry(attempts=3, on=("content_policy",)), policy=Policy(budget=None))
    story = play(make(of), fails("content_policy"))
    assert [send.provider for _, send in story.sent] == ["openai"] * 3
    assert story.done.skipped == (Skip("azure", "refused everywhere"),)


def test_a_prompt_that_is_too_long_skips_the_small_model() -> None:
    """By the provider's window; nobody is asked in vain."""
    small = replace(
        chain("openai", "azure"),
        providers={
            "openai": replace(chain("openai").providers["openai"], context_window=100),
            "azure": chain("azure").providers["azure"],
        },
    )
    assert play(make(small, tokens=100), well).done.served_by == "openai"
    done = play(make(small, tokens=101), well).done
    assert (done.served_by, done.skipped) == ("azure", (Skip("openai", "context too small"),))


def test_all_requests_share_the_session_budget() -> None:
    """What the first one spent is not there for the second."""
    shared = Shared(chain("openai", "azure", policy=Policy(session_budget=0.10)), seed=1)
    costs = {"openai": 0.06, "azure": 0.02}

    def paid(send: SendAttempt, _now: int) -> tuple[int, Result]:
        return S, Result(send.attempt, cost_usd=costs[send.provider])

    served = []
    for number in range(5):
        done = play(RequestMachine(shared, name=f"req-{number}", start_ns=0, costs=costs), paid).done
        served.append(done.served_by)
    assert served == ["openai", "azure", "azure", None, None]
    assert done.skipped == (Skip("openai", "budget spent"), Skip("azure", "budget spent"))
