"""A quota is kept to the nanosecond."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.document import Allowance
from harness.provider.inject import Limit
from harness.provider.limit import Bucket, Level, Quota, full, levels, take
from harness.quantities import MS, S

ALLOWANCES = st.builds(Allowance, st.integers(1, 500), st.sampled_from([S, 60 * S, 3600 * S]))
LIMITS = st.one_of(
    st.builds(Limit, requests=ALLOWANCES),
    st.builds(Limit, tokens=ALLOWANCES),
    st.builds(Limit, requests=ALLOWANCES, tokens=ALLOWANCES),
)
CALLS = st.lists(st.tuples(st.integers(0, 120 * S), st.integers(1, 800)), max_size=60)


def play(limit: Limit, calls: list[tuple[int, int]]) -> tuple[Bucket, list[tuple[int, int, int]]]:
    """Return the bucket after calls at some times for some tokens, and each call with the wait that it was given."""
    bucket, seen = full(limit, 0), []
    for at_ns, tokens in calls:
        bucket, wait_ns = take(limit, bucket, at_ns=at_ns, tokens=tokens)
        seen.append((at_ns, tokens, wait_ns))
    return bucket, seen


@given(limit=LIMITS, calls=CALLS.map(sorted))
def test_no_stretch_of_time_lets_more_pass_than_a_full_bucket_and_its_refill(limit: Limit, calls: Any) -> None:
    """For requests and tokens alike, whichever two moments are looked at."""
    passed = [(at_ns, tokens) for at_ns, tokens, wait_ns in play(limit, calls)[1] if not wait_ns]
    for first, (from_ns, _) in enumerate(passed):
        taken = [0, 0]
        for at_ns, tokens in passed[first:]:
            span_ns = at_ns - from_ns
            for place, (allowance, cost) in enumerate(((limit.requests, 1), (limit.tokens, tokens))):
                if allowance is not None:
                    taken[place] += min(cost, allowance.amount)
                    assert taken[place] * allowance.per_ns <= allowance.amount * (allowance.per_ns + span_ns)


@given(limit=LIMITS, calls=CALLS.map(sorted), tokens=st.integers(1, 800))
def test_the_wait_that_is_sent_is_the_true_one(limit: Limit, calls: Any, tokens: int) -> None:
    """Whoever comes back then passes, a millisecond or a nanosecond before does not, if nobody else takes."""
    bucket, _ = play(limit, calls)
    _, wait_ns = take(limit, bucket, at_ns=bucket.at_ns, tokens=tokens)
    assume(wait_ns)
    assert take(limit, bucket, at_ns=bucket.at_ns + wait_ns, tokens=tokens)[1] == 0
    assert take(limit, bucket, at_ns=bucket.at_ns + wait_ns - 1, tokens=tokens)[1] == 1
    if wait_ns > MS:
        assert take(limit, bucket, at_ns=bucket.at_ns + wait_ns - MS, tokens=tokens)[1] == MS


@given(limit=LIMITS, calls=CALLS.map(sorted))
def test_a_call_that_must_wait_takes_nothing(limit: Limit, calls: Any) -> None:
    """Refused calls leave the same bucket as if they had never come."""
    bucket, seen = play(limit, calls)
    without, _ = play(limit, [(at_ns, tokens) for at_ns, tokens, wait_ns in seen if not wait_ns])
    late_ns = 10**14
    assert take(limit, bucket, at_ns=late_ns, tokens=1) == take(limit, without, at_ns=late_ns, tokens=1)
    assert take(limit, bucket, at_ns=bucket.at_ns, tokens=1) == take(limit, without, at_ns=bucket.at_ns, tokens=1)


@given(limit=LIMITS, calls=CALLS)
def test_its_clock_never_goes_back(limit: Limit, calls: Any) -> None:
    """A call that comes with an earlier time refills nothing, and its wait counts from its own time."""
    bucket, _ = play(limit, calls)
    assert bucket.at_ns == max([0, *(at_ns for at_ns, _ in calls)])
    after, wait_ns = take(limit, bucket, at_ns=bucket.at_ns - 5, tokens=1)
    assert after.at_ns == bucket.at_ns
    same, wait_now_ns = take(limit, bucket, at_ns=bucket.at_ns, tokens=1)
    assert after == same
    assert wait_ns == (wait_now_ns + 5 if wait_now_ns else 0)


@given(limit=LIMITS, calls=CALLS.map(sorted))
def test_what_is_sent_lies_within_the_limit(limit: Limit, calls: Any) -> None:
    """Never below zero nor above the limit, and full again exactly at its reset."""
    bucket, _ = play(limit, calls)
    for allowance, level in zip((limit.requests, limit.tokens), levels(limit, bucket), strict=True):
        assert (allowance is None) == (level is None)
        if allowance is not None and level is not None:
            assert 0 <= level.remaining <= level.limit == allowance.amount
            assert (level.reset_ns == 0) == (level.remaining == level.limit)
    resets = [level.reset_ns for level in levels(limit, bucket) if level is not None]
    later, _ = take(limit, bucket, at_ns=bucket.at_ns + max(resets), tokens=0)
    brim = full(limit, later.at_ns)
    assert later.tokens == brim.tokens
    if limit.requests is not None:
        assert later.requests == brim.requests - limit.requests.per_ns


def test_an_empty_bucket_refills_steadily() -> None:
    """Of 60 a minute the 61st waits a second, and one more passes each second."""
    limit = Limit(requests=Allowance(60, 60 * S))
    bucket, seen = play(limit, [(0, 1)] * 62 + [(S - 1, 1), (S, 1), (S, 1)])
    assert [wait_ns for *_, wait_ns in seen] == [0] * 60 + [S, S, 1, 0, S]
    assert levels(limit, bucket) == Quota(requests=Level(60, 0, 60 * S))


def test_tokens_are_waited_for_as_requests_are() -> None:
    """The longer of two waits counts."""
    limit = Limit(requests=Allowance(60, 60 * S), tokens=Allowance(600, 60 * S))
    bucket, seen = play(limit, [(0, 500), (0, 200)])
    assert [wait_ns for *_, wait_ns in seen] == [0, 10 * S]
    assert levels(limit, bucket) == Quota(requests=Level(60, 59, S), tokens=Level(600, 100, 50 * S))


def test_a_request_larger_than_the_limit_passes_a_full_bucket_alone() -> None:
    """It would wait for ever else."""
    limit = Limit(tokens=Allowance(600, 60 * S))
    _, seen = play(limit, [(0, 5000), (0, 1), (59 * S, 5000), (60 * S, 5000)])
    assert [wait_ns for *_, wait_ns in seen] == [0, S // 10, S, 0]


@pytest.mark.parametrize(
    ("limit", "quota"),
    [
        (Limit(requests=Allowance(5, S)), Quota(requests=Level(5, 5, 0))),
        (Limit(tokens=Allowance(9, S)), Quota(tokens=Level(9, 9, 0))),
    ],
)
def test_only_existing_limits_are_sent(limit: Limit, quota: Quota) -> None:
    """The other is None."""
    assert levels(limit, full(limit, 0)) == quota
