"""A provider's quota: a bucket that refills all the time.

Counted in parts, whole numbers, so that the wait that is sent is exact: one request (or token) is `per_ns` parts, and
`amount` parts come back each nanosecond.
"""

from __future__ import annotations

from typing import NamedTuple

from harness.document.units import Allowance
from harness.provider.inject import Limit


class Bucket(NamedTuple):
    """What was left of a quota at a moment; refilling since.

    Attributes:
        at_ns: The moment, in nanoseconds since the run's origin.
        requests: Requests left, in parts; 0 where they have no limit.
        tokens: Tokens left, in parts; 0 where they have no limit.
    """

    at_ns: int
    requests: int
    tokens: int


class Level(NamedTuple):
    """One quota as a provider tells it.

    Attributes:
        limit: How many in all.
        remaining: How many are left, whole ones.
        reset_ns: How long until it is full again, in nanoseconds.
    """

    limit: int
    remaining: int
    reset_ns: int


class Quota(NamedTuple):
    """What an answer tells about a provider's limits.

    Attributes:
        requests: Of requests; None where there is no such limit.
        tokens: Of tokens; None where there is no such limit.
    """

    requests: Level | None = None
    tokens: Level | None = None


def full(limit: Limit, at_ns: int) -> Bucket:
    """Return a bucket of which nothing has been taken."""
    return Bucket(at_ns, _size(limit.requests), _size(limit.tokens))


def take(limit: Limit, bucket: Bucket, *, at_ns: int, tokens: int) -> tuple[Bucket, int]:
    """Take one request and its tokens out, if both are there; else nothing.

    A request that asks for more tokens than the bucket can ever hold passes when the bucket is full.

    Returns:
        The bucket then, and 0, or how long to wait until as much will be there, in nanoseconds.
    """
    now = _refilled(limit, bucket, at_ns)
    requests, tokens = _cost(limit.requests, 1), _cost(limit.tokens, tokens)
    wait_ns = max(_wait_ns(limit.requests, now.requests, requests), _wait_ns(limit.tokens, now.tokens, tokens))
    if wait_ns:
        return now, now.at_ns - at_ns + wait_ns
    return now._replace(requests=now.requests - requests, tokens=now.tokens - tokens), 0


def levels(limit: Limit, bucket: Bucket) -> Quota:
    """Return what is left of a bucket, for a provider's headers."""
    return Quota(_level(limit.requests, bucket.requests), _level(limit.tokens, bucket.tokens))


def _size(allowance: Allowance | None) -> int:
    return 0 if allowance is None else allowance.amount * allowance.per_ns


def _cost(allowance: Allowance | None, count: int) -> int:
    return 0 if allowance is None else min(count, allowance.amount) * allowance.per_ns


def _refilled(limit: Limit, bucket: Bucket, at_ns: int) -> Bucket:
    """Return a bucket as it is at `at_ns`, or later where it was looked at later: its clock never goes back."""
    passed_ns = max(0, at_ns - bucket.at_ns)
    return Bucket(
        bucket.at_ns + passed_ns,
        _topped_up(limit.requests, bucket.requests, passed_ns),
        _topped_up(limit.tokens, bucket.tokens, passed_ns),
    )


def _topped_up(allowance: Allowance | None, left: int, passed_ns: int) -> int:
    return 0 if allowance is None else min(_size(allowance), left + allowance.amount * passed_ns)


def _wait_ns(allowance: Allowance | None, left: int, cost: int) -> int:
    return 0 if allowance is None or left >= cost else -((left - cost) // allowance.amount)


def _level(allowance: Allowance | None, left: int) -> Level | None:
    if allowance is None:
        return None
    return Level(allowance.amount, left // allowance.per_ns, -((left - _size(allowance)) // allowance.amount))
