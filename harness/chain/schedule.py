"""When a request that fails everywhere asks which provider, and how long it waits in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from harness.quantities import amount, interval, listed

FAILURES = ("500", "503", "429", "timeout", "401", "400", "content_filter")
"""What every attempt of a request fails with: a status, no answer in time, or a content policy's refusal."""
DRAWS = (0.0, 1 - 2**-53)
"""The ends of what a chain draws its waits by."""

_NAMED_MAX = 4


class Band(NamedTuple):
    """A time that is drawn for each request.

    Attributes:
        least: The shortest, in nanoseconds.
        most: The longest, in nanoseconds.
    """

    least: int
    most: int

    @property
    def text(self) -> str:
        """As `1 s – 1.75 s`."""
        return interval(self, "ns") or amount(self.most, "ns")


def total(bands: Sequence[Band]) -> Band:
    """Return the time that several take one after the other."""
    return Band(sum(band.least for band in bands), sum(band.most for band in bands))


class PlannedAttempt(NamedTuple):
    """One attempt.

    Attributes:
        providers: Those that it is chosen from.
        wait: Since the attempt before it ended.
        timeout_ns: How long it may take, in nanoseconds.
    """

    providers: tuple[str, ...]
    wait: Band
    timeout_ns: int


class Hop(NamedTuple):
    """All attempts in a row at the same providers.

    Attributes:
        providers: Those that each attempt is chosen from.
        wait: Before the first of them, since the attempt before it ended.
        again: Before each further one.
        after: Before the first of them, since the request began, where every attempt fails at once.
        at_worst_ns: The same where every attempt lasts until its timeout, in nanoseconds.
        timeout_ns: How long an attempt may take, in nanoseconds.
    """

    providers: tuple[str, ...]
    wait: Band
    again: tuple[Band, ...]
    after: Band
    at_worst_ns: int
    timeout_ns: int

    @property
    def name(self) -> str:
        """The providers as in the drawing of a chain; of many the first ones."""
        many = len(self.providers) > _NAMED_MAX
        named = self.providers[: _NAMED_MAX - 1] if many else self.providers
        return " | ".join([*named, *([f"… ({len(self.providers)} in all)"] if many else [])])

    @property
    def tries(self) -> int:
        """How many attempts there are."""
        return 1 + len(self.again)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What one request does if every attempt fails alike.

    Attributes:
        failures: With what: some of `FAILURES`.
        attempts: Each in turn.
        end: How long it waits after the last of them before its caller gets the error.
    """

    failures: tuple[str, ...]
    attempts: tuple[PlannedAttempt, ...]
    end: Band

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The attempts by providers."""
        found: list[Hop] = []
        done: list[PlannedAttempt] = []
        for providers, several in groupby(self.attempts, key=lambda step: step.providers):
            first, *more = several
            after = total([*(step.wait for step in done), first.wait])
            worst = after.most + sum(step.timeout_ns for step in done)
            again = tuple(step.wait for step in more)
            found.append(Hop(providers, first.wait, again, after, worst, first.timeout_ns))
            done += [first, *more]
        return tuple(found)

    @property
    def times_out(self) -> bool:
        """Whether it holds where every attempt lasts until its timeout."""
        return "timeout" in self.failures

    def lines(self) -> Iterator[str]:
        """Yield it in words."""
        first, *others = self.hops
        yield f"after {listed(self.failures)}: {first.name}{_again(first)}"
        for hop in others:
            late = [] if self.failures == ("timeout",) else [f"after {hop.after.text}"]
            late += [f"at worst after {amount(hop.at_worst_ns, 'ns')}"] if self.times_out else []
            wasted = f" ({hop.wait.text} of it since the last attempt)" if hop.wait.most else ""
            yield f"{hop.name} {', '.join(late)}{wasted}{_again(hop)}"
        if self.end.most:
            yield f"then {self.end.text} before the error"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; times in seconds."""
        return {
            "failures": list(self.failures),
            "hops": [
                {
                    "providers": list(hop.providers),
                    "tries": hop.tries,
                    "wait_s": _seconds(hop.wait),
                    "again_s": [_seconds(band) for band in hop.again],
                    "after_s": _seconds(hop.after),
                    "at_worst_s": hop.at_worst_ns / 1e9 if self.times_out else None,
                    "timeout_s": hop.timeout_ns / 1e9,
                }
                for hop in self.hops
            ],
            "end_s": _seconds(self.end),
        }


def merged(by_failure: Mapping[str, tuple[tuple[PlannedAttempt, ...], Band]]) -> tuple[Schedule, ...]:
    """Return the schedules, those that are alike as one."""
    alike: dict[tuple[tuple[PlannedAttempt, ...], Band], list[str]] = {}
    for failure, done in by_failure.items():
        alike.setdefault(done, []).append(failure)
    return tuple(
        Schedule(failures=tuple(failures), attempts=steps, end=end) for (steps, end), failures in alike.items() if steps
    )


def _again(hop: Hop) -> str:
    return f", again after {listed([band.text for band in hop.again])}" if hop.again else ""


def _seconds(band: Band) -> list[float]:
    return [band.least / 1e9, band.most / 1e9]
