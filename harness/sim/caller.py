"""One caller of a simulated run, from the intended start to the record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from harness.caller.answer import Reading, StreamReading, read_failure, read_plain
from harness.caller.prompt import Prompt
from harness.caller.record import record
from harness.drivers.recorder import working_on
from harness.drivers.server import AnswerHeaders, Ask, Explain, opening
from harness.errors import HarnessError
from harness.history import RequestRecord
from harness.scenario import Load
from harness.scenario.plan import Arrival
from harness.sim.clock import Clock
from harness.sim.own_faults import disown


class Callers:
    """All callers of a run. They sit right at the chain: what the endpoint of a live run adds is left out.

    Args:
        ask: Asks the chain.
        explain: Words its errors.
        model: What callers ask for.
        load: Deadline and size of the requests.
        token: The run's.
        clock: The run's.
        secrets: Texts that no record may hold, beyond what looks like a secret.
    """

    def __init__(
        self,
        ask: Ask,
        explain: Explain,
        *,
        model: str,
        load: Load,
        token: str,
        clock: Clock,
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        self._ask = ask
        self._explain = explain
        self._model = model
        self._deadline_ns = load.deadline
        self._keep_text = load.keep_text
        self._secrets = secrets
        self._prompt = Prompt(token, load)
        self._clock = clock

    async def call(self, arrival: Arrival) -> RequestRecord:
        """Make one request at its time; the deadline ends it."""
        clock = self._clock
        if arrival.scheduled_ns > clock.now_ns:
            await asyncio.sleep((arrival.scheduled_ns - clock.now_ns) / 1e9)
        start_ns = clock.now_ns
        body = self._prompt.request(arrival.request_id, model=self._model, streaming=arrival.streaming)
        body.setdefault("stream", False)
        state = _CallerState(StreamReading() if arrival.streaming else None)
        left = False
        try:
            with working_on(arrival.request_id):
                async with asyncio.timeout(self._deadline_ns / 1e9) as deadline:
                    reading = await self._exchange(body, state)
        except TimeoutError:
            if not deadline.expired():
                raise
            left = True
            reading = state.stream.end() if state.stream and state.status else Reading(outcome="error")
        return record(
            arrival,
            state,
            reading,
            start_ns=start_ns,
            end_ns=clock.now_ns,
            left=left,
            keep_text=self._keep_text,
            secrets=self._secrets,
        )

    async def _exchange(self, body: dict[str, Any], state: _CallerState) -> Reading:
        async with aclosing(self._ask("chat", body)) as pieces:
            try:
                if state.stream is not None:
                    return await self._stream(pieces, state, state.stream)
                _headers, text = await opening(pieces)
            except HarnessError:
                raise
            except Exception as error:  # whatever the chain raises is the caller's answer
                disown(error)
                state.status, payload = self._explain(error)
                return read_failure(state.status, json.dumps(payload).encode())
        state.status = 200
        return read_plain((text or "").encode())

    async def _stream(
        self, pieces: AsyncGenerator[str | AnswerHeaders, None], state: _CallerState, stream: StreamReading
    ) -> Reading:
        """Read a stream. What breaks before its first event is a plain error, what breaks later an error event."""
        try:
            async for piece in pieces:
                state.status = 200
                if isinstance(piece, dict):
                    continue
                stream.feed(f"data: {piece}\n\n".encode())
                if state.first_token_ns is None and stream.has_text:
                    state.first_token_ns = self._clock.now_ns
        except HarnessError:
            raise
        except Exception as error:
            if state.status is None:
                raise
            disown(error)
            _status, payload = self._explain(error)
            stream.feed(f"data: {json.dumps(payload)}\n\n".encode())
        else:
            state.status = 200
            stream.feed(b"data: [DONE]\n\n")
        return stream.end()


class _CallerState:
    """What a caller knows at any moment."""

    __slots__ = ("first_token_ns", "status", "stream")

    def __init__(self, stream: StreamReading | None) -> None:
        self.stream = stream
        self.status: int | None = None
        self.first_token_ns: int | None = None
