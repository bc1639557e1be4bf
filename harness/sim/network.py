"""What stands in the place of the sockets between a chain and its providers.

Each provider is the edge's own `Face`, so that calls are joined, counted, decided on, answered and recorded by the same
code. Here its replies are played on the virtual clock, and its listener is what Toxiproxy makes of it live: refused,
slow, throttled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from harness.draw import draw
from harness.edge.face import Exchange, Face
from harness.edge.request import Request
from harness.history import AttemptOutcome
from harness.provider.answer import outcome
from harness.provider.reply import End, Hang, Head, Headers, Reset, Send, Step, Wait
from harness.scenario import Timeline, Window
from harness.sim.clock import Clock


class BrokenError(Exception):
    """An exchange ended otherwise than by the end of its answer.

    Attributes:
        outcome: How: `refused`, `reset`, `cut`, `timeout`.
    """

    def __init__(self, outcome: AttemptOutcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(slots=True)
class Played:
    """How an answer went out, as the edge's player tells it.

    Attributes:
        first_byte_ns: When its first byte left.
        end_ns: When its last did, or the client had gone.
        status: Of its headers.
    """

    first_byte_ns: int | None = None
    end_ns: int | None = None
    status: int | None = None


@dataclass(slots=True)
class _Listener:
    """What Toxiproxy would do at a provider's port."""

    refused: tuple[Window, ...] = ()
    slow: tuple[Window, ...] = ()
    throttle: tuple[Window, ...] = ()

    @classmethod
    def of(cls, timeline: Timeline, provider: str) -> _Listener:
        kinds: dict[str, list[Window]] = {"refused": [], "slow": [], "throttle": []}
        for window in timeline.at(provider):
            if window.inject.kind in kinds:
                kinds[window.inject.kind].append(window)
        return cls(**{kind: tuple(windows) for kind, windows in kinds.items()})

    def refuses(self, at_ns: int) -> bool:
        return any(window.start_ns <= at_ns < window.end_ns for window in self.refused)

    def breaks_ns(self, at_ns: int) -> int | None:
        """Return when an exchange that is open then will break: connections do when a listener begins to refuse."""
        return min((window.start_ns for window in self.refused if window.start_ns > at_ns), default=None)


def _active(windows: tuple[Window, ...], at_ns: int) -> Window | None:
    return next((window for window in windows if window.start_ns <= at_ns < window.end_ns), None)


class Network:
    """All providers of a chain, as its transport reaches them.

    Args:
        faces: By provider's name.
        timeline: The fault windows.
        clock: The run's, whose origin is 0.
        seed: Fixes the jitter of slow connections.
    """

    def __init__(self, faces: Mapping[str, Face], timeline: Timeline, clock: Clock, *, seed: int) -> None:
        self._faces = faces
        self._listeners = {name: _Listener.of(timeline, name) for name in faces}
        self._clock = clock
        self._seed = seed

    async def send(
        self, provider: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *, read_s: float | None
    ) -> Answering:
        """Send a request and return its answer once the headers are there.

        Args:
            provider: Whose.
            method: In capitals.
            path: With its query.
            headers: Names in small letters.
            body: As sent.
            read_s: How long to wait for a byte, in seconds; None waits for ever.

        Raises:
            BrokenError: There is no answer.
        """
        listener = self._listeners[provider]
        if listener.refuses(self._clock.now_ns):
            raise BrokenError("refused")
        face = self._faces[provider]
        request = Request(method, path, headers, body, keep=True, version_1_0=False)
        exchange = face.take(request, self._clock.now_ns)
        answering = Answering(face, exchange, listener, self._clock, read_s, self._jitter(exchange, listener))
        await answering.open()
        return answering

    def _jitter(self, exchange: Exchange, listener: _Listener) -> float:
        return draw(self._seed, "jitter", exchange.attempt_id or "") if listener.slow else 0.5


@dataclass(slots=True)
class Answering:
    """One answer on its way.

    Attributes:
        status: Of its headers.
        headers: Names in small letters.
    """

    _face: Face
    _exchange: Exchange
    _listener: _Listener
    _clock: Clock
    _read_s: float | None
    _drawn: float
    status: int = 0
    headers: Headers = ()
    _steps: Iterator[Step] = field(init=False)
    _played: Played = field(default_factory=Played)
    _breaks_ns: int | None = field(init=False)
    _due_ns: int = field(init=False)
    _late_ns: int = field(init=False)
    _over: bool = False

    def __post_init__(self) -> None:
        """Begin where the request had been read."""
        now_ns = self._clock.now_ns
        self._steps = iter(self._exchange.answer.reply)
        self._breaks_ns = self._listener.breaks_ns(now_ns)
        self._due_ns = now_ns
        slow = _active(self._listener.slow, now_ns)
        spread = (2 * self._drawn - 1) * (slow.inject.jitter or 0) if slow else 0
        self._late_ns = round((slow.inject.delay or 0) + spread) if slow else 0

    async def open(self) -> None:
        """Wait for the headers.

        Raises:
            BrokenError: They never come.
        """
        try:
            head = await self._next()
        except asyncio.CancelledError:
            self.leave()
            raise
        assert isinstance(head, Head)
        self.status, self.headers = head.status, head.headers
        self._played.status = head.status
        self._played.first_byte_ns = self._clock.now_ns

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body's bytes as they come.

        Raises:
            BrokenError: It breaks off.
        """
        while (step := await self._next()) is not None:
            assert isinstance(step, Send)
            yield step.data

    def leave(self) -> None:
        """Close the connection: nobody wants the rest."""
        if not self._over:
            self._end("client_left")

    async def _next(self) -> Head | Send | None:
        """Return the next step that leaves; None at the end."""
        for step in self._steps:
            if isinstance(step, Wait):
                self._due_ns += step.ns
                continue
            if isinstance(step, Send) and (throttle := _active(self._listener.throttle, self._clock.now_ns)):
                self._due_ns = max(self._due_ns, self._clock.now_ns) + round(
                    len(step.data) * 1e9 / (throttle.inject.bytes_per_second or 1)
                )
            await self._until(None if isinstance(step, Hang) else self._due_ns + self._late_ns)
            if isinstance(step, Head | Send):
                return step
            self._end(outcome(self._played.status, step))
            if isinstance(step, End):
                return None
            raise BrokenError("reset" if isinstance(step, Reset) else "cut")
        return None

    async def _until(self, at_ns: int | None) -> None:
        """Wait for a time; what breaks the exchange or tries the client's patience may come before."""
        now_ns = self._clock.now_ns
        ends: list[tuple[int, AttemptOutcome | None]] = []
        if at_ns is not None:
            ends.append((max(at_ns, now_ns), None))
        if self._read_s is not None:
            ends.append((now_ns + round(self._read_s * 1e9), "timeout"))
        if self._breaks_ns is not None:
            ends.append((self._breaks_ns, "reset"))
        first = min(ends, key=lambda end: (end[0], end[1] is not None), default=None)
        if first is None:
            await asyncio.Event().wait()  # for ever: the caller's deadline ends it
            return
        if first[0] > now_ns:
            await asyncio.sleep((first[0] - now_ns) / 1e9)
        if first[1] is not None:
            self._end("client_left" if first[1] == "timeout" else "reset")
            raise BrokenError(first[1])

    def _end(self, how: AttemptOutcome) -> None:
        self._over = True
        self._played.end_ns = self._clock.now_ns
        self._face.record(self._exchange, how, self._played, list(self._steps))
