"""The network for the reference chain, which reads its providers directly."""

from __future__ import annotations

from collections.abc import AsyncIterator

from harness.drivers.reference.calls import Outgoing
from harness.drivers.reference.wire import BrokenError, Incoming
from harness.provider.reply import Headers
from harness.sim.network import Answering, Network
from harness.sim.network import BrokenError as Broken


class Wire:
    """Sends requests in virtual time; see `harness.drivers.reference.wire.Wire`."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def send(self, provider: str, request: Outgoing) -> Incoming:
        """Send a request; return its answer once the headers are there."""
        try:
            answering = await self._network.send(
                provider, "POST", request.path, request.headers, request.body, read_s=None
            )
        except Broken as broken:
            raise BrokenError(broken.outcome) from broken
        return _Incoming(answering)


class _Incoming:
    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self.status: int = answering.status
        self.headers: Headers = answering.headers

    async def body(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._answering.body():
                yield data
        except Broken as broken:
            raise BrokenError(broken.outcome) from broken

    def leave(self) -> None:
        self._answering.leave()
