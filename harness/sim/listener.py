"""A provider's port in virtual time: what becomes of connections there, and of an answer on its way through it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.provider.listener import OPEN, ListenerState, changes_ns, in_force
from harness.scenario import Timeline, Window

Draw = Callable[[int], float]
"""A number in [0, 1) for an answer's nth piece."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One provider's port.

    Attributes:
        starts_ns: When it begins to behave differently, in order.
        states: How it behaves from then on.
        acting: Which windows make it so.
        resets: It passes resets on, and so makes one of every close.
    """

    starts_ns: tuple[int, ...] = ()
    states: tuple[ListenerState, ...] = ()
    acting: tuple[tuple[Window, ...], ...] = ()
    resets: bool = False

    @classmethod
    def of(cls, timeline: Timeline, provider: str) -> Listener:
        """Return the port of a provider."""
        windows = [window for window in timeline.at(provider) if window.on_port]
        starts_ns = changes_ns(windows)
        found = [in_force(windows, at_ns) for at_ns in starts_ns]
        return cls(
            tuple(starts_ns),
            tuple(state for state, _acting in found),
            tuple(acting for _state, acting in found),
            resets=timeline.resets(provider),
        )

    def state(self, at_ns: int) -> ListenerState:
        """Return how it behaves then."""
        place = bisect_right(self.starts_ns, at_ns)
        return self.states[place - 1] if place else OPEN

    def until_ns(self, at_ns: int) -> int:
        """Return how long it behaves as it does then; `at_ns` where that never changes."""
        place = bisect_right(self.starts_ns, at_ns)
        return self.starts_ns[place] if place < len(self.starts_ns) else at_ns

    def breaks_ns(self, at_ns: int) -> int | None:
        """Return when an exchange that is open then will break: connections do when the port stops accepting them."""
        before = self.state(at_ns)
        for start_ns, state in zip(self.starts_ns, self.states, strict=True):
            if start_ns > at_ns:
                if before.connecting == "accepted" != state.connecting:
                    return start_ns
                before = state
        return None

    def acts(self, window: Window) -> tuple[int | None, int | None]:
        """Return from when until when a window acts; None and None if others are in force all the time."""
        places = [place for place, acting in enumerate(self.acting) if window in acting]
        return (self.starts_ns[places[0]], self.starts_ns[places[-1] + 1]) if places else (None, None)

    @property
    def plain(self) -> bool:
        """Whether everything always arrives when it leaves."""
        return not any(state.delay_ns or state.jitter_ns or state.bytes_per_second for state in self.states)


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
        return self.listener.plain

    def arrives(self, left_ns: int, size: int) -> tuple[int, int]:
        """Return when a piece of so many bytes begins and ends to arrive that leaves the provider at `left_ns`.

        Whatever is held up when the port begins to behave differently is released at once.
        """
        at_ns = left_ns
        state = self.listener.state(left_ns)
        if state.delay_ns:
            self._pieces += 1
            spread = (2 * self.draw(self._pieces) - 1) * state.jitter_ns
            at_ns = min(left_ns + max(0, round(state.delay_ns + spread)), self.listener.until_ns(left_ns))
        first_ns = last_ns = max(at_ns, self._came_ns)
        state = self.listener.state(first_ns)
        if state.bytes_per_second:
            last_ns = min(first_ns + size * 10**9 // state.bytes_per_second, self.listener.until_ns(first_ns))
        self._came_ns = last_ns
        return first_ns, last_ns

    def closes(self, left_ns: int) -> int:
        """Return when the end of a connection arrives: at once, but not before what was sent."""
        return max(left_ns, self._came_ns)
