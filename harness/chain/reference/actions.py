"""The inputs and outputs of the state machine."""

from __future__ import annotations

from typing import Literal, NamedTuple

from harness.chain.facts import Cause

Failure = Literal[Cause, "given_up"]
"""`denied`: the key, the permission or the model is wrong there; `invalid`: the request is wrong everywhere; `given_up`:
another attempt was first, or the time was over."""
SkipReason = Literal[
    "breaker open",
    "too dear",
    "budget spent",
    "context too small",
    "no time",
    "no attempt left",
    "not in fallback.on",
    "refused everywhere",
    "answer begun",
    "caller gone",
]


class SendAttempt(NamedTuple):
    """Begin an attempt, and call `step` again at once for what to do meanwhile.

    Attributes:
        attempt: Its place among the request's attempts, counted from 1.
        provider: Where.
        timeout_ns: The longest time for it, in nanoseconds.
    """

    attempt: int
    provider: str
    timeout_ns: int


class WaitUntil(NamedTuple):
    """Call `step` again when an attempt ends, or at a time; whichever comes first.

    Attributes:
        until_ns: The time, in nanoseconds on the host's clock.
    """

    until_ns: int


class Result(NamedTuple):
    """How an attempt ended.

    Attributes:
        attempt: Which.
        failure: Why it failed; None if it did not.
        status: HTTP status; None where none came.
        retry_after_ns: The Retry-After of its answer, in nanoseconds; None if there was none.
        begun: The caller has received a token of it.
        error: The provider's code, or the transport's error.
        cost_usd: Its cost.
    """

    attempt: int
    failure: Failure | None = None
    status: int | None = None
    retry_after_ns: int | None = None
    begun: bool = False
    error: str = ""
    cost_usd: float = 0.0


class Tried(NamedTuple):
    """One attempt, as the answer reports it."""

    provider: str
    failure: Failure | None
    status: int | None
    error: str


class Skip(NamedTuple):
    """A provider that was not asked."""

    provider: str
    reason: SkipReason


class Done(NamedTuple):
    """The request is over.

    Attributes:
        attempt: The attempt whose answer is the caller's; None if there is none.
        served_by: Its provider.
        depth: Its place in the order in which they were to be asked, from 0.
        order: The providers of this request, in the order in which they were to be asked.
        tried: All attempts, in the order in which they began.
        skipped: Providers that were passed over; where there is no answer, all that were not asked.
        cancelled: Attempts that are still open and no longer needed.
        cost_usd: The cost of all attempts.
        last: The result that the failure is reported by; None if there is an answer, or nothing was tried.
    """

    attempt: int | None
    served_by: str | None
    depth: int
    order: tuple[str, ...]
    tried: tuple[Tried, ...]
    skipped: tuple[Skip, ...]
    cancelled: tuple[int, ...]
    cost_usd: float
    last: Result | None = None


Action = SendAttempt | WaitUntil | Done


class ChainExhausted(Exception):  # noqa: N818 - it names a state
    """No provider gave an answer.

    Attributes:
        done: All that was tried and skipped.
    """

    def __init__(self, done: Done) -> None:
        self.done = done
        lines = [f"{place}. {_line(each)}" for place, each in enumerate(done.tried, start=1)]
        lines += [f"{skip.provider}: not asked, {skip.reason}" for skip in done.skipped]
        super().__init__("no provider answered: " + "; ".join(lines))


def _line(each: Tried) -> str:
    status = f" ({each.status})" if each.status else ""
    return f"{each.provider}: {each.failure}{status}" + (f", {each.error}" if each.error else "")
