"""One caller of a simulated run, from the intended start to the record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from copy import deepcopy
from dataclasses import replace
from typing import Any

from harness.caller.answer import AnswerForm, Reading, StreamReading, read_failure
from harness.caller.conversation import continued, followers
from harness.caller.prompt import Messages, RequestWriter
from harness.caller.record import record
from harness.drivers.recorder import working_on
from harness.drivers.server import AnswerHeaders, Ask, Explain, error_event, event, explained, last_event, opening
from harness.errors import HarnessError
from harness.history import RequestRecord
from harness.provider.kinds import Api
from harness.scenario.mix import THINK_NS
from harness.scenario.plan import Arrival, Plan, phase_at
from harness.sim.clock import Clock
from harness.sim.own_faults import disown


class Callers:
    """All callers of a run. They sit right at the chain: what the endpoint of a live run adds is left out.

    Args:
        ask: Asks the chain.
        explain: Words its errors.
        plan: The run's.
        requests: What they send.
        clock: The run's.
        secrets: Texts that no record may hold, beyond what looks like a secret.
        ended: Takes each record as its request ends.
    """

    def __init__(
        self,
        ask: Ask,
        explain: Explain,
        *,
        plan: Plan,
        requests: RequestWriter,
        clock: Clock,
        secrets: frozenset[str] = frozenset(),
        ended: Callable[[RequestRecord], None] = lambda _record: None,
    ) -> None:
        self._ask = ask
        self._explain = explain
        self._plan = plan
        self._requests = requests
        self._followers = followers(plan.arrivals)
        self._secrets = secrets
        self._clock = clock
        self._ended = ended

    async def converse(self, arrival: Arrival) -> list[RequestRecord]:
        """Make a request at its time, and each turn that follows it: after the answer, a while later, within the run."""
        earlier: Messages = ()
        records: list[RequestRecord] = []
        while True:
            record, reading, request = await self._call(arrival, earlier)
            records.append(record)
            self._ended(record)
            following = self._followers.get(arrival.request_id)
            if following is None or record.outcome != "ok":
                return records
            at_ns = self._clock.now_ns + THINK_NS
            if at_ns >= self._plan.end_ns:
                return records
            earlier = continued(self._requests, request, reading, following)
            arrival = replace(following, scheduled_ns=at_ns, phase=phase_at(self._plan.phases, at_ns))

    async def _call(self, arrival: Arrival, earlier: Messages) -> tuple[RequestRecord, Reading, dict[str, Any]]:
        """Make one request at its time; the deadline ends it. Return its record, its answer and its body."""
        clock = self._clock
        if arrival.scheduled_ns > clock.now_ns:
            await asyncio.sleep((arrival.scheduled_ns - clock.now_ns) / 1e9)
        start_ns = clock.now_ns
        request = self._requests.request(arrival, earlier=earlier)
        api, form = self._requests.api(arrival), self._requests.form(arrival)
        body = deepcopy(request)  # a chain may change what it is given
        if api != "embeddings":
            body["stream"] = arrival.streaming
        state = _CallerState(form.stream() if arrival.streaming and form.stream is not None else None)
        left = False
        try:
            with working_on(arrival.request_id):
                async with asyncio.timeout(self._plan.load.deadline / 1e9) as deadline:
                    reading = await self._exchange(api, form, body, state)
        except TimeoutError:
            if not deadline.expired():
                raise
            left = True
            reading = state.stream.end() if state.stream and state.status else Reading(outcome="error")
        made = record(
            arrival,
            state,
            reading,
            kind=self._requests.kind(arrival),
            prompt=self._requests.facts(arrival),
            start_ns=start_ns,
            end_ns=clock.now_ns,
            left=left,
            keep_text=self._plan.load.keep_text,
            secrets=self._secrets,
        )
        return made, reading, request

    async def _exchange(self, api: Api, form: AnswerForm, body: dict[str, Any], state: _CallerState) -> Reading:
        async with aclosing(self._ask(api, body)) as pieces:
            try:
                if state.stream is not None:
                    return await self._stream(api, pieces, state, state.stream)
                _headers, text = await opening(pieces)
            except HarnessError:
                raise
            except Exception as error:  # whatever the chain raises is the caller's answer
                disown(error)
                state.status, payload = explained(api, self._explain, error)
                return read_failure(state.status, json.dumps(payload).encode())
        state.status = 200
        return form.plain((text or "").encode())

    async def _stream(
        self,
        api: Api,
        pieces: AsyncGenerator[str | AnswerHeaders, None],
        state: _CallerState,
        stream: StreamReading,
    ) -> Reading:
        """Read a stream. What breaks before its first event is a plain error, what breaks later an error event."""
        try:
            async for piece in pieces:
                state.status = 200
                if isinstance(piece, dict):
                    continue
                stream.feed(event(api, piece))
                if state.first_token_ns is None and stream.has_text:
                    state.first_token_ns = self._clock.now_ns
        except HarnessError:
            raise
        except Exception as error:
            if state.status is None:
                raise
            disown(error)
            stream.feed(error_event(api, explained(api, self._explain, error)[1]))
        else:
            state.status = 200
            stream.feed(last_event(api))
        return stream.end()


class _CallerState:
    """What a caller knows at any moment."""

    __slots__ = ("first_token_ns", "status", "stream")

    def __init__(self, stream: StreamReading | None) -> None:
        self.stream = stream
        self.status: int | None = None
        self.first_token_ns: int | None = None
