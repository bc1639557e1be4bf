"""The faults that change one answer on its way, and what is added to it."""

from __future__ import annotations

from collections.abc import Iterable

from harness.history import AttemptOutcome
from harness.provider.answer import Call
from harness.provider.decide import NO_QUOTA, Decision
from harness.provider.dialects import Dialect
from harness.provider.fault_kind import ActsOnAnswer, Aspect
from harness.provider.faults.context import AnswerProgress, FaultContext
from harness.provider.reply import Head, Headers, Step, Wait
from harness.provider.window import Window

_INSIDE_OUT: tuple[Aspect, ...] = ("pace", "body", "delay")
"""In which order faults change an answer: pace comes first, for it takes the provider's waits away, and no fault's."""
_MOST_FIRST: tuple[Aspect, ...] = ("body", "pace", "delay")
"""In which order they are named."""


def held_ns(dialect: Dialect, decision: Decision, call: Call, attempt_id: str) -> int:
    """Return how long a fault withholds the headers, in nanoseconds; 0 if none does."""
    window = decision.faults.get("delay")
    if window is None:
        return 0
    layer = _Layer(window, FaultContext(dialect, window.inject, call, attempt_id, drawn=decision.drawn))
    return sum(step.ns for step in layer.feed(Head(200, ())) if isinstance(step, Wait))


class AnswerChanges:
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
        """Prepare the faults of a decision.

        Args:
            dialect: The provider's.
            decision: The faults that touch the attempt.
            call: As parsed.
            attempt_id: Names the attempt.
            wall_ns: The time of day, in nanoseconds since 1970.
            tokens: Length of the answer's text; None where that is not known beforehand.
        """
        self._given = 0
        self._began: dict[Aspect, int] = {}
        self._headers: Headers = ()
        if decision.quota is not NO_QUOTA:
            self._headers = dialect.quota_headers(decision.quota, wall_ns)
        self._layers: dict[Aspect, _Layer] = {}
        for aspect in _INSIDE_OUT:
            if window := decision.faults.get(aspect):
                context = FaultContext(dialect, window.inject, call, attempt_id, drawn=decision.drawn, tokens=tokens)
                self._layers[aspect] = _Layer(window, context)

    def feed(self, step: Step) -> list[Step]:
        """Return the steps that leave in the place of the answer's next one."""
        if self._headers and isinstance(step, Head):
            ours = {name for name, _value in self._headers}
            step = Head(step.status, (*(pair for pair in step.headers if pair[0] not in ours), *self._headers))
        steps = [step]
        for aspect, layer in self._layers.items():
            steps = [out for each in steps for out in layer.feed(each)]
            if layer.progress.fired and aspect not in self._began:
                if aspect == "delay":  # its wait comes before what the others did here
                    self._began = {each: at + (at == self._given) for each, at in self._began.items()}
                self._began[aspect] = self._given
        self._given += len(steps)
        return steps

    def feed_all(self, steps: Iterable[Step]) -> list[Step]:
        """Return the steps that leave in the place of a whole answer's."""
        return [out for step in steps for out in self.feed(step)]

    @property
    def over(self) -> bool:
        """Whether a fault has ended the answer: what the provider still sends is dropped."""
        return any(layer.progress.over for layer in self._layers.values())

    @property
    def began(self) -> dict[str, int]:
        """The faults that have changed the answer so far, each with the step that leaves at which it begins to act.

        What changes the answer's body comes first.
        """
        began = self._began
        return {self._layers[aspect].window.fault_id: began[aspect] for aspect in _MOST_FIRST if aspect in began}

    @property
    def body(self) -> Window | None:
        """The fault that has changed the answer's body."""
        return None if self._body is None else self._body.window

    @property
    def ending(self) -> AttemptOutcome:
        """What the exchange counts as if it is played to a proper end."""
        return "ok" if self._body is None else self._body.act.outcome

    @property
    def error_code(self) -> str | None:
        """The error code that a client reads in the changed body; None where there is none."""
        return None if self._body is None else self._body.act.error_code(self._body.context)

    @property
    def withholds_text(self) -> bool:
        """Whether the provider did not mean to send what the fault leaves out of the body."""
        return self._body is not None and self._body.act.withholds_text

    @property
    def _body(self) -> _Layer | None:
        layer = self._layers.get("body")
        return layer if layer is not None and layer.progress.fired else None


class _Layer:
    """One fault at work on one answer."""

    __slots__ = ("act", "context", "progress", "window")

    def __init__(self, window: Window, context: FaultContext) -> None:
        act = window.inject.fault_kind.act
        assert isinstance(act, ActsOnAnswer)
        self.act = act
        self.context = context
        self.progress = AnswerProgress()
        self.window = window

    def feed(self, step: Step) -> Iterable[Step]:
        if self.progress.over:
            return ()
        self.progress, steps = self.act.change(self.context, self.progress, step)
        self.progress = self.progress.after(step)
        return steps
