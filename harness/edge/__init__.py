"""How a provider is faced: one process, one port per provider, every attempt joined, answered and recorded."""

from harness.edge.server import Address, Edge, serve

__all__ = ["Address", "Edge", "serve"]
