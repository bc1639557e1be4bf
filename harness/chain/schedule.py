"""When a request that fails everywhere asks which provider, and how long it waits in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from harness.quantities import MS, S, amount, listed, plural

FAILURES = ("500", "503", "429", "timeout", "401", "400", "content_filter")
"""What every attempt of a request fails with: a status, no answer in time, or a content policy's refusal."""
DRAWS = (0.0, 1 - 2**-53)
"""The ends of what a chain draws its waits by."""

_NAMED_MAX = 4
_MINUTES_FROM_NS = 119.5e9
_NONE: Mapping[str, int] = MappingProxyType({})


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
        """As `1–1.75 s`: both ends in the same unit."""
        return self.written(among=self.most)

    def written(self, *, among: int) -> str:
        """Return both ends in the unit of the longest time that stands beside them, in nanoseconds."""
        if self.least == self.most:
            return amount(self.most, "ns") if self.most >= _MINUTES_FROM_NS else _in_unit(self.most, among)
        if self.most >= _MINUTES_FROM_NS:
            return f"{amount(self.least, 'ns')} – {amount(self.most, 'ns')}"
        least, most = (_in_unit(end, among) for end in self)
        return f"{least.partition(' ')[0]}–{most}"


def total(bands: Sequence[Band]) -> Band:
    """Return the time that several take one after the other."""
    return Band(sum(band.least for band in bands), sum(band.most for band in bands))


def drawn(peers: Sequence[str]) -> str:
    """Return the providers that an attempt is chosen from: `a | b`; of many the first ones."""
    many = len(peers) > _NAMED_MAX
    named = peers[: _NAMED_MAX - 1] if many else peers
    return " | ".join([*named, *([f"… ({len(peers)} in all)"] if many else [])])


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
        """The providers as in the drawing of a chain."""
        return drawn(self.providers)

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
        locked_out_ns: How long further requests are then refused without any attempt, in nanoseconds; 0 if they are not.
        hops: The attempts by providers.
        total: The whole time, where every attempt fails at once.
        at_worst_ns: The same where every attempt lasts until its timeout, in nanoseconds.
    """

    failures: tuple[str, ...]
    attempts: tuple[PlannedAttempt, ...]
    end: Band
    locked_out_ns: int = 0
    hops: tuple[Hop, ...] = field(init=False, repr=False, compare=False)
    total: Band = field(init=False, repr=False, compare=False)
    at_worst_ns: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sum up the attempts."""
        whole = total([*(step.wait for step in self.attempts), self.end])
        object.__setattr__(self, "hops", tuple(_hops(self.attempts)))
        object.__setattr__(self, "total", whole)
        object.__setattr__(self, "at_worst_ns", whole.most + sum(step.timeout_ns for step in self.attempts))

    @property
    def times_out(self) -> bool:
        """Whether it holds where every attempt lasts until its timeout."""
        return "timeout" in self.failures

    def lines(self) -> Iterator[str]:
        """Yield it in words."""
        failing = f"if every try fails with {_either(self.failures)}:"
        if self.total.most == 0 and all(hop.tries == 1 for hop in self.hops):
            yield f"{failing} {listed([hop.name for hop in self.hops])} {self._once()}"
        else:
            yield failing
            for hop in self.hops:
                begins = self._begins(hop.wait, hop.after, hop.at_worst_ns)
                yield f"{hop.name}: {'; '.join([*([begins] if hop is not self.hops[0] else []), _tries(hop)])}"
            yield f"the error: {self._begins(self.end, self.total, self.at_worst_ns)}"
        if self.locked_out_ns:
            yield f"afterwards: for {amount(self.locked_out_ns, 'ns')} every request is refused, and no provider is asked"

    def _once(self) -> str:
        worst = f", {amount(self.at_worst_ns, 'ns')} after the request if each try times out" if self.times_out else ""
        asked = "is tried once" if len(self.hops) == 1 else "are tried once each, without a wait"
        return f"{asked}, then the caller gets the error{worst}"

    def _begins(self, wait: Band, after: Band, at_worst_ns: int) -> str:
        """Return when something begins: since the last attempt, and since the request."""
        worst = f"{amount(at_worst_ns, 'ns')} if each try times out" if self.times_out else ""
        later = f"{wait.written(among=after.most)} later" if wait.most else "at once"
        if self.failures == ("timeout",):
            return f"{later}, {amount(at_worst_ns, 'ns')} after the request"
        if not after.most:
            return f"{later} ({worst})" if worst else later
        since = f"{after.text} after the request" + (f" ({worst})" if worst else "")
        return f"{later}, {since}"

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
            "total_s": _seconds(self.total),
            "total_at_worst_s": self.at_worst_ns / 1e9 if self.times_out else None,
            "locked_out_s": self.locked_out_ns / 1e9,
        }


def merged(
    by_failure: Mapping[str, tuple[tuple[PlannedAttempt, ...], Band]], locked_out_ns: Mapping[str, int] = _NONE
) -> tuple[Schedule, ...]:
    """Return the schedules, those that are alike as one.

    Args:
        by_failure: The attempts, and the wait after the last of them.
        locked_out_ns: How long further requests are then refused, by failure, in nanoseconds.
    """
    alike: dict[tuple[tuple[PlannedAttempt, ...], Band, int], list[str]] = {}
    for failure, (steps, end) in by_failure.items():
        alike.setdefault((steps, end, locked_out_ns.get(failure, 0)), []).append(failure)
    return tuple(
        Schedule(failures=tuple(failures), attempts=steps, end=end, locked_out_ns=locked_ns)
        for (steps, end, locked_ns), failures in alike.items()
        if steps
    )


def _hops(attempts: Sequence[PlannedAttempt]) -> Iterator[Hop]:
    done: list[PlannedAttempt] = []
    for providers, several in groupby(attempts, key=lambda step: step.providers):
        first, *more = several
        after = total([*(step.wait for step in done), first.wait])
        worst = after.most + sum(step.timeout_ns for step in done)
        yield Hop(providers, first.wait, tuple(step.wait for step in more), after, worst, first.timeout_ns)
        done += [first, *more]


def _tries(hop: Hop) -> str:
    if not hop.again:
        return "one try, and no retry"
    longest = max(band.most for band in hop.again)
    waits = [band.written(among=longest) for band in hop.again]
    apart = "without a wait" if not longest else f"with {'a wait' if len(waits) == 1 else 'waits'} of {listed(waits)}"
    if longest and len(waits) > 1 and len(set(waits)) == 1:
        apart = f"with waits of {waits[0]} each"
    return f"{plural(hop.tries, 'try', 'tries')} {apart}"


def _either(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _in_unit(ns: int, among: int) -> str:
    """Return a time in seconds, or in milliseconds where none beside it is a second long."""
    size, unit = (S, "s") if among >= S else (MS, "ms")
    return f"{amount(ns / size, 'count')} {unit}"


def _seconds(band: Band) -> list[float]:
    return [band.least / 1e9, band.most / 1e9]
