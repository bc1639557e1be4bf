"""What Toxiproxy makes of a provider's port: refused, slow, throttled; an answer on its way through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from harness.scenario import Timeline, Window

Draw = Callable[[int], float]
"""A number in [0, 1) for an answer's nth piece."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One provider's port.

    Attributes:
        refused: Windows in which nobody listens.
        slow: Windows in which what the provider sends comes late.
        throttle: Windows in which it comes bit by bit.
        resets: It passes resets on, and so makes one of every close.
    """

    refused: tuple[Window, ...] = ()
    slow: tuple[Window, ...] = ()
    throttle: tuple[Window, ...] = ()
    resets: bool = False

    @classmethod
    def of(cls, timeline: Timeline, provider: str) -> Listener:
        """Return the port of a provider."""
        kinds: dict[str, list[Window]] = {"refused": [], "slow": [], "throttle": []}
        for window in timeline.at(provider):
            if window.inject.kind in kinds:
                kinds[window.inject.kind].append(window)
        return cls(**{kind: tuple(windows) for kind, windows in kinds.items()}, resets=timeline.resets(provider))

    def refuses(self, at_ns: int) -> bool:
        """Say whether nobody listens then."""
        return active(self.refused, at_ns) is not None

    def breaks_ns(self, at_ns: int) -> int | None:
        """Return when an exchange that is open then will break: connections do when a listener begins to refuse."""
        return min((window.start_ns for window in self.refused if window.start_ns > at_ns), default=None)


def active(windows: tuple[Window, ...], at_ns: int) -> Window | None:
    """Return the window that is open then."""
    for window in windows:
        if window.start_ns <= at_ns < window.end_ns:
            return window
    return None


def acts(windows: tuple[Window, ...], window: Window) -> tuple[int | None, int | None]:
    """Return from when until when a window acts among all of its kind at its port; None and None if it never does."""
    edges = sorted({at for each in windows for at in (each.start_ns, each.end_ns)})
    spans = [span for span in pairwise(edges) if active(windows, span[0]) is window]
    return (spans[0][0], spans[-1][1]) if spans else (None, None)


@dataclass(slots=True)
class AnswerPath:
    """The path of one answer through a listener, which keeps its pieces in their order.

    Attributes:
        listener: Which.
        draw: Gives each piece its jitter.
    """

    listener: Listener
    draw: Draw
    _came_ns: int = 0
    _pieces: int = field(default=0)

    @property
    def plain(self) -> bool:
        """Whether everything arrives when it leaves."""
        return not self.listener.slow and not self.listener.throttle

    def arrives(self, left_ns: int, size: int) -> tuple[int, int]:
        """Return when a piece of so many bytes begins and ends to arrive that leaves the provider at `left_ns`.

        What is on its way when a window ends is let go of.
        """
        at_ns = left_ns
        if slow := active(self.listener.slow, left_ns):
            self._pieces += 1
            spread = (2 * self.draw(self._pieces) - 1) * (slow.inject.jitter or 0)
            at_ns = min(left_ns + max(0, round((slow.inject.delay or 0) + spread)), max(left_ns, slow.end_ns))
        first_ns = last_ns = max(at_ns, self._came_ns)
        if throttle := active(self.listener.throttle, first_ns):
            last_ns = min(first_ns + size * 10**9 // (throttle.inject.bytes_per_second or 1), throttle.end_ns)
        self._came_ns = last_ns
        return first_ns, last_ns

    def closes(self, left_ns: int) -> int:
        """Return when the end of a connection arrives: at once, but not before what was sent."""
        return max(left_ns, self._came_ns)
