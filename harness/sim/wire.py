"""The network for the reference chain, which reads its providers directly."""

from __future__ import annotations

from harness.drivers.reference.calls import Outgoing
from harness.drivers.reference.wire import Incoming
from harness.sim.network import Network
from harness.sim.own_faults import guarded


class SimWire:
    """Sends requests in virtual time; see `harness.drivers.reference.wire.ReferenceWire`."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @guarded
    async def send(self, provider: str, request: Outgoing) -> Incoming:
        """Send a request; return its answer once the headers are there."""
        return await self._network.send(
            provider, "POST", request.path, request.headers, request.body, connect_s=None, read_s=None
        )
