"""Which providers a chain tries, in which order, and how it is hosted."""

from harness.chain.load import configuration_path, load
from harness.chain.spec import Chain, Endpoint, HostedConfig, Retry
from harness.provider.spec import Price, Provider, ReplySpec

__all__ = ["Chain", "Endpoint", "HostedConfig", "Price", "Provider", "ReplySpec", "Retry", "configuration_path", "load"]
