"""What replaces the sockets between a chain and its providers.

Each provider is the edge's own `ProviderPort`, so that calls are joined, counted, decided on, answered and recorded by the same
code. Here its replies are played on the virtual clock, and its listener is what Toxiproxy makes of it live. As there,
the provider's own times are those at which a step leaves it, whatever holds it up on the way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from harness.draw import draw
from harness.drivers.recorder import current_request
from harness.drivers.reference.wire import BrokenError
from harness.edge.provider_port import Exchange, ProviderPort
from harness.edge.request import EdgeRequest
from harness.history import AttemptOutcome
from harness.provider.answer import outcome
from harness.provider.marker import find_request
from harness.provider.reply import Close, End, Hang, Head, Headers, Reset, Send, Step, Wait
from harness.scenario import Timeline
from harness.sim.clock import Clock
from harness.sim.listener import AnswerPath, Listener
from harness.sim.own_faults import guarded
from harness.sim.real import refuse

_STATUS_LINE_BYTES = 36
"""About what an answer's first line and the end of its headers take."""
_CHUNK_BYTES = 7
"""What the chunked encoding puts around a piece."""
_LAST_CHUNK_BYTES = 5
CONNECT_AGAIN_S = (1, 2, 3, 4, 5, 7, 11, 19, 35, 67, 131)
"""When Linux 6.5 or newer asks again for a connection that got no reply, in seconds; at the last it gives up."""
SLICE_NS = 10**8
"""How often a slow port passes bytes on, as Toxiproxy does."""
STORM_ATTEMPTS = 200
"""So many attempts of one request at one provider take no time of their own: twice what a chain file may ask for."""
STORM_NS = 10**9
"""How long each of them takes from then on, in nanoseconds."""


@dataclass(slots=True)
class SentAnswer:
    """How an answer went out, as the edge's player reports it.

    Attributes:
        first_byte_ns: When its first byte left.
        end_ns: When its last did, or the client had gone.
        status: Of its headers.
    """

    first_byte_ns: int | None = None
    end_ns: int | None = None
    status: int | None = None


class Network:
    """All providers of a chain, as its transport reaches them.

    Args:
        faces: By provider's name.
        timeline: The fault windows.
        clock: The run's, whose origin is 0.
        seed: Fixes the jitter of slow connections.
    """

    def __init__(self, faces: Mapping[str, ProviderPort], timeline: Timeline, clock: Clock, *, seed: int) -> None:
        self._faces = faces
        self._listeners = {name: Listener.of(timeline, name) for name in faces}
        self._clock = clock
        self._seed = seed
        self._open: dict[int, Answering] = {}
        self._tries: Counter[tuple[str, str]] = Counter()
        self._closed = False

    async def connect(self, provider: str) -> None:
        """Wait until a provider's port accepts a connection: the caller's system asks again while it gets no reply.

        Raises:
            BrokenError: The port refuses it, or the system gives up.
            UnrealError: The run is over: a call would carry its answers into another one.
        """
        self._going_on()
        listener = self._listeners[provider]
        if not listener.states:
            return
        begun_ns = self._clock.now_ns
        for again_s in CONNECT_AGAIN_S:
            connecting = listener.state(self._clock.now_ns).connecting
            if connecting == "accepted":
                return
            if connecting == "refused":
                request = current_request()
                storm_ns = self._storm_ns(provider, None if request is None else request.request_id)
                if storm_ns:
                    await asyncio.sleep(storm_ns / 1e9)
                raise BrokenError("refused", connected=False)
            await asyncio.sleep((begun_ns - self._clock.now_ns) / 1e9 + again_s)
        raise BrokenError("timeout", connected=False)

    def take(self, provider: str, request: EdgeRequest) -> Answering:
        """Return the answer to a request that was sent over an open connection; `Answering.open` waits for its headers.

        Raises:
            UnrealError: As for `connect`.
        """
        self._going_on()
        marker = find_request(request.body)
        storm_ns = self._storm_ns(provider, None if marker is None else marker.request_id)
        listener = self._listeners[provider]
        exchange = self._faces[provider].take(request, self._clock.now_ns)
        answer_path = AnswerPath(listener, partial(draw, self._seed, "jitter", exchange.attempt_id or ""))
        return Answering(self._faces[provider], exchange, answer_path, self._clock, self._open, storm_ns)

    def breaks_ns(self, provider: str) -> int | None:
        """Return when a connection that is open now will break."""
        return self._listeners[provider].breaks_ns(self._clock.now_ns)

    def resets(self, provider: str) -> bool:
        """Return whether a provider's port makes a reset of every close."""
        return self._listeners[provider].resets

    def _going_on(self) -> None:
        if self._closed:
            refuse("a call by a client of an earlier run was tried")

    def _storm_ns(self, provider: str, request_id: str | None) -> int:
        """Return how long an attempt takes because its request storms the provider, in nanoseconds.

        Calls cost no processor here, so a chain that tries again at once, and for ever, would never let its caller's
        deadline come. Live it is its processor that slows it down.
        """
        if request_id is None:
            return 0
        name = provider, request_id
        self._tries[name] += 1
        return STORM_NS if self._tries[name] > STORM_ATTEMPTS else 0

    def close(self) -> None:
        """Close the connections that are still open: the chain has gone."""
        self._closed = True
        for answering in list(self._open.values()):
            answering.leave()


@dataclass(slots=True)
class Answering:
    """One answer on its way.

    Attributes:
        status: Of its headers.
        headers: Names in small letters.
        partly: Called while a step arrives slowly, with the share of it that has come.
    """

    _face: ProviderPort
    _exchange: Exchange
    _path: AnswerPath
    _clock: Clock
    _open: dict[int, Answering]
    _storm_ns: int = 0
    status: int = 0
    headers: Headers = ()
    partly: Callable[[Head | Send, float], None] | None = None
    _sent: SentAnswer = field(default_factory=SentAnswer)
    _steps: Iterator[Step] = field(init=False)
    _step: Step | None = None
    _waits: list[tuple[int, Wait]] = field(default_factory=list)
    _chunked: bool = False
    _breaks_ns: int | None = field(init=False)
    _due_ns: int = field(init=False)
    _smooth: bool = field(init=False)

    def __post_init__(self) -> None:
        """Begin where the request had been read."""
        now_ns = self._clock.now_ns
        self._steps = iter(self._exchange.answer.reply)
        self._breaks_ns = self._path.listener.breaks_ns(now_ns)
        self._due_ns = now_ns
        self._smooth = self._path.plain and self._breaks_ns is None
        self._open[id(self)] = self

    async def open(self) -> None:
        """Wait for the headers.

        Raises:
            BrokenError: They never come.
        """
        if self._storm_ns:
            await asyncio.sleep(self._storm_ns / 1e9)
            self._due_ns += self._storm_ns
        head = await self.next()
        assert isinstance(head, Head)
        self.status, self.headers = head.status, head.headers

    async def read(self) -> bytes:
        """Return the whole body.

        Raises:
            BrokenError: It breaks off.
        """
        data = b""
        while (step := await self.next()) is not None:
            assert isinstance(step, Send)
            data += step.data
        return data

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body's bytes as they come.

        Raises:
            BrokenError: It breaks off.
        """
        while (step := await self.next()) is not None:
            assert isinstance(step, Send)
            yield step.data

    def leave(self) -> None:
        """Close the connection: the rest is not needed. What the provider has sent so far counts as sent."""
        if id(self) not in self._open:
            return
        now_ns = self._clock.now_ns
        rest: list[Step] = [wait for began_ns, wait in self._waits if began_ns > now_ns]
        step = self._step or next(self._steps, None)
        while step is not None and self._due_ns <= now_ns:  # as the edge's player: what has begun has been played
            if isinstance(step, Wait):
                self._due_ns += step.ns
            elif isinstance(step, Hang):
                step = None
                break
            elif self._leaves(step):
                return
            step = next(self._steps, None)
        rest += [] if step is None else [step]
        self._end("client_left", now_ns, [*rest, *self._steps])

    @guarded
    async def next(self) -> Head | Send | None:
        """Return the next step that arrives; None at the end."""
        for step in self._steps:
            if isinstance(step, Wait):
                self._waits.append((self._due_ns, step))
                self._due_ns += step.ns
                continue
            if not self._here(step):
                self._step = step
                try:
                    await self._arrival(step)
                except asyncio.CancelledError:
                    self.leave()
                    raise
                self._step = None
            self._waits.clear()
            over = self._leaves(step)
            if isinstance(step, Head | Send):
                return step
            assert over
            if isinstance(step, End):
                return None
            raise BrokenError("reset" if isinstance(step, Reset) or self._path.listener.resets else "cut")
        return None

    def _leaves(self, step: Step) -> bool:
        """Take note that a step has left the provider; return whether it was the last."""
        if isinstance(step, Head):
            self._sent.status, self._sent.first_byte_ns = step.status, self._due_ns
            self._chunked = all(name != "content-length" for name, _ in step.headers)
        if not isinstance(step, End | Close | Reset):
            return False
        self._end(outcome(self._sent.status, step), self._due_ns, list(self._steps))
        return True

    def _here(self, step: Step) -> bool:
        """Return whether a step arrives now: it is due, and nothing can hold it up."""
        return self._due_ns <= self._clock.now_ns and self._smooth and not isinstance(step, Hang)

    async def _arrival(self, step: Step) -> None:
        """Wait until a step arrives.

        Raises:
            BrokenError: What breaks the exchange came before.
        """
        first_ns: int | None
        if isinstance(step, Hang):
            first_ns = last_ns = None
        elif self._path.plain:
            first_ns = last_ns = self._due_ns
        elif isinstance(step, Close | Reset):
            first_ns = last_ns = self._path.closes(self._due_ns)
        else:
            first_ns, last_ns = self._path.arrives(self._due_ns, self._size(step))
        now_ns = self._clock.now_ns
        ends: list[tuple[int, AttemptOutcome | None]] = [] if last_ns is None else [(max(last_ns, now_ns), None)]
        if self._breaks_ns is not None:
            ends.append((self._breaks_ns, "reset" if self._path.listener.resets else "cut"))
        if not ends:
            await asyncio.Event().wait()  # for ever: the caller's deadline ends it
        at_ns, broken = min(ends, key=lambda end: (end[0], end[1] is not None))
        if self.partly is not None and first_ns is not None and last_ns is not None and last_ns > first_ns:
            assert isinstance(step, Head | Send | End)
            while self._clock.now_ns + SLICE_NS < at_ns:
                await asyncio.sleep(SLICE_NS / 1e9)
                if isinstance(step, Head | Send) and self._clock.now_ns > first_ns:
                    self.partly(step, (self._clock.now_ns - first_ns) / (last_ns - first_ns))
        if at_ns > self._clock.now_ns:
            await asyncio.sleep((at_ns - self._clock.now_ns) / 1e9)
        if broken is not None:
            self.leave()
            raise BrokenError(broken)

    def _size(self, step: Step) -> int:
        """Return how many bytes a step takes on the wire, about."""
        if isinstance(step, Head):
            return _STATUS_LINE_BYTES + sum(len(name) + len(value) + 4 for name, value in step.headers)
        if isinstance(step, Send):
            return len(step.data) + (_CHUNK_BYTES if self._chunked else 0)
        return _LAST_CHUNK_BYTES if self._chunked else 0

    def _end(self, how: AttemptOutcome, at_ns: int, unplayed: list[Step]) -> None:
        del self._open[id(self)]
        self._sent.end_ns = at_ns
        self._face.record(self._exchange, how, self._sent, unplayed)
