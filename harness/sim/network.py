"""What stands in the place of the sockets between a chain and its providers.

Each provider is the edge's own `ProviderPort`, so that calls are joined, counted, decided on, answered and recorded by the same
code. Here its replies are played on the virtual clock, and its listener is what Toxiproxy makes of it live. As there,
the provider's own times are those at which a step leaves it, whatever holds it up on the way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from harness.draw import draw
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
STORM_ATTEMPTS = 200
"""So many attempts of one request at one provider take no time of their own: twice what a chain file may ask for."""
STORM_S = 1.0
"""How long each of them takes from then on, in seconds."""


@dataclass(slots=True)
class SentAnswer:
    """How an answer went out, as the edge's player tells it.

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

    async def send(
        self,
        provider: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        connect_s: float | None,
        read_s: float | None,
    ) -> Answering:
        """Send a request and return its answer once the headers are there.

        Args:
            provider: Whose.
            method: In capitals.
            path: With its query.
            headers: Names in small letters.
            body: As sent.
            connect_s: How long to wait for a connection, in seconds; None waits for ever.
            read_s: How long to wait for a byte, in seconds; None waits for ever.

        Raises:
            BrokenError: There is no answer.
            UnrealError: The run is over: whoever calls would take its answers into another one.
        """
        if self._closed:
            refuse("a call by a client of an earlier run was tried")
        await self._slow(provider, body)
        listener = self._listeners[provider]
        if listener.states:
            await self._connect(listener, connect_s)
        face = self._faces[provider]
        request = EdgeRequest(method, path, headers, body, keep=True, version_1_0=False)
        exchange = face.take(request, self._clock.now_ns)
        answer_path = AnswerPath(listener, partial(draw, self._seed, "jitter", exchange.attempt_id or ""))
        answering = Answering(face, exchange, answer_path, self._clock, read_s, self._open)
        await answering.open()
        return answering

    async def _connect(self, listener: Listener, connect_s: float | None) -> None:
        """Wait until a port accepts the connection: the caller's system asks again while it gets no reply.

        Raises:
            BrokenError: The port refuses it, or the caller's patience is over.
        """
        begun_ns = self._clock.now_ns
        for again_s in CONNECT_AGAIN_S:
            connecting = listener.state(self._clock.now_ns).connecting
            if connecting == "accepted":
                return
            if connecting == "refused":
                raise BrokenError("refused", connected=False)
            patience_s = again_s if connect_s is None else min(connect_s, again_s)
            await asyncio.sleep((begun_ns - self._clock.now_ns) / 1e9 + patience_s)
            if patience_s == connect_s:
                break
        raise BrokenError("timeout", connected=False)

    async def _slow(self, provider: str, body: bytes) -> None:
        """Let time pass where a request storms a provider.

        Calls cost no processor here, so a chain that tries again at once, and for ever, would never let its caller's
        deadline come. Live it is its processor that slows it down.
        """
        marker = find_request(body)
        if marker is None:
            return
        name = provider, marker.request_id
        self._tries[name] += 1
        if self._tries[name] > STORM_ATTEMPTS:
            await asyncio.sleep(STORM_S)

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
    """

    _face: ProviderPort
    _exchange: Exchange
    _path: AnswerPath
    _clock: Clock
    _read_s: float | None
    _open: dict[int, Answering]
    status: int = 0
    headers: Headers = ()
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
        head = await self._next()
        assert isinstance(head, Head)
        self.status, self.headers = head.status, head.headers

    async def read(self) -> bytes:
        """Return the whole body.

        Raises:
            BrokenError: It breaks off.
        """
        data = b""
        while (step := await self._next()) is not None:
            assert isinstance(step, Send)
            data += step.data
        return data

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body's bytes as they come.

        Raises:
            BrokenError: It breaks off.
        """
        while (step := await self._next()) is not None:
            assert isinstance(step, Send)
            yield step.data

    def leave(self) -> None:
        """Close the connection: nobody wants the rest. What had left the provider by now has left it."""
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
    async def _next(self) -> Head | Send | None:
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
            BrokenError: What breaks the exchange or tries the client's patience came before.
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
        patience_ns = None if self._read_s is None else now_ns + round(self._read_s * 1e9)
        if patience_ns is not None and (first_ns is None or first_ns > patience_ns):
            last_ns = None
        else:
            patience_ns = None
        ends: list[tuple[int, AttemptOutcome | None]] = [] if last_ns is None else [(max(last_ns, now_ns), None)]
        if patience_ns is not None:
            ends.append((patience_ns, "timeout"))
        if self._breaks_ns is not None:
            ends.append((self._breaks_ns, "reset" if self._path.listener.resets else "cut"))
        if not ends:
            await asyncio.Event().wait()  # for ever: the caller's deadline ends it
        at_ns, broken = min(ends, key=lambda end: (end[0], end[1] is not None))
        if at_ns > now_ns:
            await asyncio.sleep((at_ns - now_ns) / 1e9)
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
