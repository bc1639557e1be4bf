"""The network for the reference chain, which reads its providers directly."""

from __future__ import annotations

from harness.drivers.reference.calls import Outgoing
from harness.drivers.reference.wire import Incoming
from harness.edge.request import EdgeRequest
from harness.sim.network import Network
from harness.sim.own_faults import guarded


class SimWire:
    """Sends requests in virtual time; see `harness.drivers.reference.wire.ReferenceWire`."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @guarded
    async def send(self, provider: str, request: Outgoing) -> Incoming:
        """Send a request; return its answer once the headers are there."""
        await self._network.connect(provider)
        sent = EdgeRequest("POST", request.path, request.headers, request.body, keep=True, version_1_0=False)
        answering = self._network.take(provider, sent)
        await answering.open()
        return answering
