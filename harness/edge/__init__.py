"""The edge plays the providers: one process, one port per provider, every attempt joined, answered and recorded."""

from harness.edge.server import Edge, ProviderAddress, serve
from harness.edge.upstream import reach

__all__ = ["Edge", "ProviderAddress", "reach", "serve"]
