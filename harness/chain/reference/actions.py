"""What the machine is told, and what it answers."""

from __future__ import annotations

from typing import Literal, NamedTuple

Failure = Literal[
    "rate_limit", "server_error", "timeout", "connection", "quota", "denied", "invalid", "filtered", "given_up"
]
"""`denied`: the key, the permission or the model is wrong there; `invalid`: the request is wrong everywhere; `given_up`:
nobody waited for its end any more, as another was first, or the time was over."""
SkipReason = Literal["breaker open", "too dear", "no time", "refused everywhere", "answer begun", "caller gone"]


class SendAttempt(NamedTuple):
    """Begin an attempt, and ask again at once what to do meanwhile.

    Attributes:
        attempt: Its place among the request's attempts, counted from 1.
        provider: Where.
        timeout_ns: How long it may take, in nanoseconds.
    """

    attempt: int
    provider: str
    timeout_ns: int


class WaitUntil(NamedTuple):
    """Ask again when an attempt ends, or at a time; whichever comes first.

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
        retry_after_ns: The delay that it was told, in nanoseconds.
        begun: The caller has seen a token of it.
        error: What the provider or the transport said.
        cost_usd: What it took.
    """

    attempt: int
    failure: Failure | None = None
    status: int | None = None
    retry_after_ns: int | None = None
    begun: bool = False
    error: str = ""
    cost_usd: float = 0.0


class Tried(NamedTuple):
    """One attempt as the answer tells of it."""

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
        tried: All attempts, in the order in which they began.
        skipped: Providers that were passed over; where there is no answer, all that were not asked.
        cancelled: Attempts that are still under way and nobody waits for.
        cost_usd: What all attempts took.
        last: The result that the failure is told by; None where there is an answer or nothing was tried.
    """

    attempt: int | None
    served_by: str | None
    depth: int
    tried: tuple[Tried, ...]
    skipped: tuple[Skip, ...]
    cancelled: tuple[int, ...]
    cost_usd: float
    last: Result | None = None


Action = SendAttempt | WaitUntil | Done


class ChainExhausted(Exception):  # noqa: N818 - it says what is the case
    """No provider gave an answer.

    Attributes:
        done: All that was tried and skipped.
    """

    def __init__(self, done: Done) -> None:
        self.done = done
        told = [f"{place}. {_told(each)}" for place, each in enumerate(done.tried, start=1)]
        told += [f"{skip.provider}: not asked, {skip.reason}" for skip in done.skipped]
        super().__init__("no provider answered: " + "; ".join(told))


def _told(each: Tried) -> str:
    status = f" ({each.status})" if each.status else ""
    return f"{each.provider}: {each.failure}{status}" + (f", {each.error}" if each.error else "")
