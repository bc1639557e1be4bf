"""The faults that change one answer on its way, and what is added to it."""

from __future__ import annotations

from collections.abc import Iterable

from harness.history import AttemptOutcome
from harness.provider.answer import Call
from harness.provider.decide import NO_QUOTA, Decision, Side
from harness.provider.dialects import Dialect
from harness.provider.faults import CHANGES, SPOILS, delay
from harness.provider.faults.case import Case, Seen
from harness.provider.reply import Head, Headers, Step
from harness.provider.window import Window

_INSIDE_OUT: tuple[Side, ...] = ("pace", "body", "delay")
"""In which order faults change an answer: pace comes first, for it takes the provider's waits away, and no fault's."""
_MOST_FIRST: tuple[Side, ...] = ("body", "pace", "delay")
"""In which order they are named."""


def held_ns(decision: Decision) -> int:
    """Return how long a fault withholds the headers, in nanoseconds; 0 if none does."""
    window = decision.faults.get("delay")
    return 0 if window is None else delay.wait_ns(window.inject, decision.drawn)


class Changes:
    """Takes an answer's steps one by one, as they come, and gives those that leave in their place."""

    def __init__(
        self,
        dialect: Dialect,
        decision: Decision,
        call: Call,
        attempt_id: str,
        *,
        wall_ns: int,
        tokens: int | None = None,
    ) -> None:
        """Get ready.

        Args:
            dialect: The provider's.
            decision: The faults that touch the attempt.
            call: As parsed.
            attempt_id: Names the attempt.
            wall_ns: What time it is, in nanoseconds since 1970.
            tokens: Length of the answer's text; None where that is not known beforehand.
        """
        self._given = 0
        self._began: dict[Side, int] = {}
        self._headers: Headers = ()
        if decision.quota is not NO_QUOTA:
            self._headers = dialect.quota_headers(decision.quota, wall_ns)
        self._layers: dict[Side, _Layer] = {}
        for side in _INSIDE_OUT:
            if window := decision.faults.get(side):
                case = Case(dialect, window.inject, call, attempt_id, drawn=decision.drawn, tokens=tokens)
                self._layers[side] = _Layer(window, case)

    def feed(self, step: Step) -> list[Step]:
        """Return the steps that leave in the place of the answer's next one."""
        if self._headers and isinstance(step, Head):
            ours = {name for name, _value in self._headers}
            step = Head(step.status, (*(pair for pair in step.headers if pair[0] not in ours), *self._headers))
        steps = [step]
        for side, layer in self._layers.items():
            steps = [out for each in steps for out in layer.feed(each)]
            if layer.seen.fired and side not in self._began:
                if side == "delay":  # its wait comes before what the others did here
                    self._began = {each: at + (at == self._given) for each, at in self._began.items()}
                self._began[side] = self._given
        self._given += len(steps)
        return steps

    def feed_all(self, steps: Iterable[Step]) -> list[Step]:
        """Return the steps that leave in the place of a whole answer's."""
        return [out for step in steps for out in self.feed(step)]

    @property
    def over(self) -> bool:
        """Whether a fault has ended the answer: what the provider still says is dropped."""
        return any(layer.seen.over for layer in self._layers.values())

    @property
    def began(self) -> dict[str, int]:
        """The faults that have changed the answer so far, each with the step that leaves at which it begins to act.

        What changes the answer's body comes first.
        """
        return {self._layers[side].window.fault_id: self._began[side] for side in _MOST_FIRST if side in self._began}

    @property
    def body(self) -> Window | None:
        """The fault that has changed the answer's body."""
        layer = self._layers.get("body")
        return layer.window if layer is not None and layer.seen.fired else None

    @property
    def ending(self) -> AttemptOutcome:
        """What the exchange counts as if it is played to a proper end."""
        return "ok" if self.body is None else SPOILS.get(self.body.inject.kind, "ok")


class _Layer:
    """One fault at work on one answer."""

    __slots__ = ("_case", "_change", "seen", "window")

    def __init__(self, window: Window, case: Case) -> None:
        self.window = window
        self.seen = Seen()
        self._case = case
        self._change = CHANGES[window.inject.kind]

    def feed(self, step: Step) -> Iterable[Step]:
        if self.seen.over:
            return ()
        self.seen, steps = self._change(self._case, self.seen, step)
        self.seen = self.seen.after(step)
        return steps
