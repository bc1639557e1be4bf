"""A chain that is asked in virtual time, in whatever form: its answers' events, and what its providers recorded."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any

from harness.chain import Chain
from harness.drivers.environment import HostEnvironment
from harness.drivers.in_process import enter, prepare
from harness.drivers.recorder import working_on
from harness.drivers.server import InProcessChain, explained
from harness.edge.provider_port import ProviderPort
from harness.provider import decide
from harness.provider.kinds import Api
from harness.provider.marker import Marker
from harness.scenario import Timeline, Window
from harness.sim import clock as virtual
from harness.sim.clock import Clock
from harness.sim.engine import TOKEN, Rows
from harness.sim.network import Network
from harness.sim.own_faults import GuardedRecorder, disown
from harness.sim.real import importing
from harness.sim.sockets import base_urls, connected
from harness.sim.wire import SimWire

LATE_S = 3


@dataclass(frozen=True, slots=True)
class Question:
    """A request to make.

    Attributes:
        api: Its form.
        stream: Whether a stream is asked for.
        more: Further fields of the body.
        leaves_after: The caller leaves after so many events; None for staying.
    """

    api: Api
    stream: bool = False
    more: dict[str, Any] = field(default_factory=dict)
    leaves_after: int | None = None

    def body(self, request_id: str, model: str) -> dict[str, Any]:
        """Return the request's body."""
        text = f"please say how the chain will do [[{request_id} {TOKEN}]]"
        if self.api == "embeddings":
            return {"model": model, "input": [text, "and this"], **self.more}
        body: dict[str, Any] = {"model": model, "stream": self.stream}
        if self.api == "responses":
            return {**body, "input": text, **self.more}
        if self.api == "messages":
            body["max_tokens"] = 50
        return {**body, "messages": [{"role": "user", "content": text}], **self.more}


@dataclass(slots=True)
class Told:
    """What a caller got.

    Attributes:
        events: The answer, or each event of a stream.
        failure: Status and body of the error; None where there was none.
        tried: Its attempts in order: provider, status and outcome.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    failure: tuple[int, dict[str, Any]] | None = None
    tried: list[tuple[str, int | None, str]] = field(default_factory=list)

    @property
    def providers(self) -> list[str]:
        """The providers of the attempts, in order."""
        return [provider for provider, _status, _outcome in self.tried]


def asked(chain: Chain, questions: Sequence[Question], *windows: Window) -> list[Told]:
    """Host a chain in virtual time and ask it, one request after the other."""
    prepare(chain)
    rows = Rows()
    found = [Told() for _ in questions]

    async def story(clock: Clock) -> None:
        timeline = Timeline(windows=windows)
        faces = {name: _face(chain, name, windows, rows) for name in chain.providers}
        network = Network(faces, timeline, clock, seed=1)
        environment = HostEnvironment(clock_ns=lambda: clock.now_ns, wire=SimWire(network), seed=1, importing=importing)
        addresses = base_urls(chain.providers)
        recorder = GuardedRecorder(chain.providers, addresses, rows.put, clock_ns=environment.clock_ns)
        async with AsyncExitStack() as stack:
            stack.enter_context(connected(network, addresses))
            inside = await stack.enter_async_context(enter(chain, addresses, recorder, environment))
            for place, question in enumerate(questions):
                await _ask(inside, question, _request_id(place), found[place])
            await asyncio.sleep(LATE_S)
        recorder.close()
        network.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        virtual.run(story)
    for row in sorted(rows.edge, key=lambda row: row.start_ns):
        found[int(str(row.request_id).rpartition("-")[2]) - 1].tried.append((row.provider, row.status, row.outcome))
    return found


def _request_id(place: int) -> str:
    return f"req-{place + 1:06d}"


def _face(chain: Chain, name: str, windows: Sequence[Window], rows: Rows) -> ProviderPort:
    faults = decide.begin(name, seed=1, windows=windows)
    face = ProviderPort(name, chain.providers[name], token=TOKEN, faults=faults, capture=rows)
    face.origin_ns = 0
    return face


async def _ask(inside: InProcessChain, question: Question, request_id: str, told: Told) -> None:
    body = question.body(request_id, inside.model)
    assert str(Marker(request_id, TOKEN)) in json.dumps(body)
    try:
        with working_on(request_id):
            async with aclosing(inside.ask(question.api, body)) as pieces:
                async for piece in pieces:
                    if not isinstance(piece, dict):  # which are headers
                        told.events.append(json.loads(piece))
                    if len(told.events) == question.leaves_after:
                        break
    except Exception as error:
        disown(error)
        told.failure = explained(question.api, inside.explain, error)
