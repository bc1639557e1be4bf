"""The faults that change one answer on its way, and what is added to it."""

from __future__ import annotations

from collections.abc import Iterable

from harness.provider.answer import Call
from harness.provider.decide import Decision, Side
from harness.provider.dialects import Dialect
from harness.provider.faults import CHANGES
from harness.provider.faults.case import Case, Seen
from harness.provider.limit import Quota
from harness.provider.reply import Head, Headers, Step
from harness.scenario import Window

# From the inside to the outside: what is left of a body is paced, and held up with its headers.
_SIDES: tuple[Side, ...] = ("body", "pace", "delay")


class Changes:
    """Takes an answer's steps one by one, as they come, and gives those that leave in their place."""

    def __init__(self, dialect: Dialect, decision: Decision, call: Call, attempt_id: str, *, wall_ns: int) -> None:
        """Get ready.

        Args:
            dialect: The provider's.
            decision: The faults that touch the attempt.
            call: As parsed.
            attempt_id: Names the attempt.
            wall_ns: What time it is, in nanoseconds since 1970.
        """
        quota = decision.quota
        self._headers: Headers = dialect.quota_headers(quota, wall_ns) if quota != Quota() else ()
        self._layers = [
            _Layer(decision.faults[side], dialect, call, attempt_id, decision.drawn)
            for side in _SIDES
            if side in decision.faults
        ]

    def feed(self, step: Step) -> list[Step]:
        """Return the steps that leave in the place of the answer's next one."""
        if self._headers and isinstance(step, Head):
            step = Head(step.status, (*step.headers, *self._headers))
        steps = [step]
        for layer in self._layers:
            steps = [out for each in steps for out in layer.feed(each)]
        return steps

    def feed_all(self, steps: Iterable[Step]) -> list[Step]:
        """Return the steps that leave in the place of a whole answer's."""
        if not self._headers and not self._layers:
            return list(steps)
        return [out for step in steps for out in self.feed(step)]

    @property
    def over(self) -> bool:
        """Whether a fault has ended the answer: what the provider still says is dropped."""
        return any(layer.seen.over for layer in self._layers)

    @property
    def fired(self) -> tuple[str, ...]:
        """The faults that have changed the answer so far; what changes its body most comes first."""
        return tuple(layer.window.fault_id for layer in self._layers if layer.seen.fired)


class _Layer:
    """One fault at work on one answer."""

    __slots__ = ("_case", "_change", "seen", "window")

    def __init__(self, window: Window, dialect: Dialect, call: Call, attempt_id: str, drawn: float) -> None:
        self.window = window
        self.seen = Seen()
        self._case = Case(dialect, window.inject, call, attempt_id, drawn=drawn)
        self._change = CHANGES[window.inject.kind]

    def feed(self, step: Step) -> Iterable[Step]:
        if self.seen.over:
            return ()
        self.seen, steps = self._change(self._case, self.seen, step)
        self.seen = self.seen.after(step)
        return steps
