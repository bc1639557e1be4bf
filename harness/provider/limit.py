"""A provider's quota: a bucket that refills all the time."""

from __future__ import annotations

from typing import NamedTuple

from harness.document import Allowance
from harness.scenario.schema import Limit


class Bucket(NamedTuple):
    """What was left of a quota at a moment; refilling since.

    Attributes:
        at_ns: The moment, in nanoseconds since the run's origin.
        requests: Requests left.
        tokens: Tokens left.
    """

    at_ns: int
    requests: float
    tokens: float


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
    return Bucket(at_ns, _amount(limit.requests), _amount(limit.tokens))


def take(limit: Limit, bucket: Bucket, *, at_ns: int, tokens: int) -> tuple[Bucket, int]:
    """Take one request and its tokens out, if both are there; else nothing.

    A request that asks for more tokens than the bucket can ever hold passes when the bucket is full.

    Returns:
        The bucket then, and 0, or how long to wait until as much would be there, in nanoseconds.
    """
    now = _refilled(limit, bucket, at_ns)
    wanted = min(tokens, _amount(limit.tokens))
    wait_ns = max(_wait_ns(limit.requests, now.requests, 1), _wait_ns(limit.tokens, now.tokens, wanted))
    if wait_ns:
        return now, wait_ns
    return now._replace(requests=now.requests - 1, tokens=now.tokens - wanted), 0


def told(limit: Limit, bucket: Bucket) -> Quota:
    """Return what a provider tells about a bucket."""
    return Quota(_level(limit.requests, bucket.requests), _level(limit.tokens, bucket.tokens))


def _amount(allowance: Allowance | None) -> float:
    return float("inf") if allowance is None else float(allowance.amount)


def _refilled(limit: Limit, bucket: Bucket, at_ns: int) -> Bucket:
    passed_ns = max(0, at_ns - bucket.at_ns)
    return Bucket(
        max(at_ns, bucket.at_ns),
        _topped_up(limit.requests, bucket.requests, passed_ns),
        _topped_up(limit.tokens, bucket.tokens, passed_ns),
    )


def _topped_up(allowance: Allowance | None, left: float, passed_ns: int) -> float:
    if allowance is None:
        return left
    return min(float(allowance.amount), left + allowance.amount * passed_ns / allowance.per_ns)


def _wait_ns(allowance: Allowance | None, left: float, wanted: float) -> int:
    if allowance is None or left >= wanted - 1e-9:  # sums of fractions come out a hair short
        return 0
    return max(1, round((wanted - left) * allowance.per_ns / allowance.amount))


def _level(allowance: Allowance | None, left: float) -> Level | None:
    if allowance is None:
        return None
    reset_ns = round((allowance.amount - left) * allowance.per_ns / allowance.amount)
    return Level(allowance.amount, max(0, int(left + 1e-9)), max(0, reset_ns))
