"""The workers of a run as their master knows them, and who is let in."""

from __future__ import annotations

from dataclasses import dataclass, field
from hmac import compare_digest
from importlib.metadata import version
from typing import Any

from gevent.queue import Queue

import harness
from harness.errors import HarnessError, UsageError
from harness.live.load.clock import SAME, ClockEstimate
from harness.live.load.heartbeat import Silence
from harness.live.worker_messages import Join, MasterStart, WorkerSummary
from harness.messages import LoadStart


@dataclass(slots=True, kw_only=True)
class Member:
    """One worker.

    Attributes:
        name: `worker-1`, …
        node: Its id in Locust.
        same_clock: Its clock is the master's.
        sends_rows: The master fetches its rows.
        silence: Since its last message.
        inbox: What it sent and when that was heard, but for signs of life.
        heard_ns: When the message that `next` returned last was heard.
        share: What it was asked to do.
        before: Its clock before the run, against the master's.
        after: The same after the run; None until then.
        collecting: Its rows are in the run's folder, or on their way.
    """

    name: str
    node: str
    same_clock: bool
    sends_rows: bool
    silence: Silence = field(default_factory=Silence)
    inbox: Queue = field(default_factory=Queue)
    heard_ns: int = 0
    share: LoadStart | None = None
    before: ClockEstimate = SAME
    after: ClockEstimate | None = None
    collecting: bool = False

    def next(self, shape: type[Any]) -> Any:
        """Return its next message, which must be of a shape.

        Raises:
            HarnessError: It is another one.
        """
        message, self.heard_ns = self.inbox.get()
        if not isinstance(message, shape):
            raise HarnessError(f"sent {type(message).__name__} in place of {shape.__name__}", where=self.name)
        return message

    def discard(self) -> None:
        """Drop what it sent and nobody asked for any more: the run was cut short."""
        while not self.inbox.empty():
            self.inbox.get()

    @property
    def summary(self) -> WorkerSummary:
        """What is known of it after the run."""
        after = self.after or self.before
        return WorkerSummary(
            name=self.name,
            requests=len(self.share.arrivals) if self.share else 0,
            same_clock=self.same_clock,
            offset_ns=(self.before.offset_ns + after.offset_ns) // 2,
            bound_ns=max(self.before.bound_ns, after.bound_ns),
            drift_ns=abs(after.offset_ns - self.before.offset_ns),
        )


class Members:
    """All workers of a run, in the order of their names.

    Args:
        start: The master's start message.
        clock: Name of the master's clock; see `clock_name`.
    """

    def __init__(self, start: MasterStart, clock: str | None) -> None:
        self._start = start
        self._clock = clock
        self._names = [f"worker-{number}" for number in range(1, start.local + start.expected + 1)]
        self._found: dict[str, Member] = {}

    def __iter__(self) -> Any:
        return iter(sorted(self._found.values(), key=lambda member: self._names.index(member.name)))

    def of(self, node: str) -> Member | None:
        """Return the worker with an id of Locust's; None if it was not let in."""
        return next((member for member in self._found.values() if member.node == node), None)

    @property
    def missing(self) -> list[str]:
        """The names of those who have not come."""
        return [name for name in self._names if name not in self._found]

    def admit(self, node: str, join: Join) -> Member:
        """Let a worker in.

        Raises:
            HarnessError: It has another token or another version, or has no place in this run.
        """
        of = f"a worker on {node.rpartition('_')[0]}"  # Locust puts the name of its machine first
        if not compare_digest(join.token.encode(), self._start.token.encode()):
            hint = "HARNESS_TOKEN must be the same on both sides"
            raise UsageError("it has another token", where=of, hint=hint)
        for what, theirs, ours in (
            ("harness", join.harness, harness.__version__),
            ("Locust", join.locust, version("locust")),
        ):
            if theirs != ours:
                hint = f"install the same version of {what} on both sides"
                raise UsageError(f"it has {what} {theirs}, and the run {ours}", where=of, hint=hint)
        given = self._names[: self._start.local]
        elsewhere = [name for name in self.missing if name not in given]
        if self.of(node) is not None or join.name in self._found:
            hint = "start each worker once"
            raise UsageError(f"{join.name or 'it'} has joined already", where=of, hint=hint)
        if (join.name is not None and join.name not in given) or (join.name is None and not elsewhere):
            hint = f"harness run … --expect-workers {self._start.expected + 1} makes room for it"
            raise UsageError(
                f"all {self._start.expected} workers from elsewhere have joined already", where=of, hint=hint
            )
        name = join.name or elsewhere[0]
        same = self._clock is not None and join.clock == self._clock
        found = self._found[name] = Member(name=name, node=node, same_clock=same, sends_rows=join.sends_rows)
        return found
