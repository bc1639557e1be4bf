"""The chain under test: what the user wrote, checked. A chain's own interpreter imports all but the loader."""

from typing import TYPE_CHECKING

from harness.chain.policy import Retry
from harness.chain.spec import Chain, Endpoint, HostedConfig
from harness.lazy import lazy_names
from harness.provider.spec import Price, Provider, ReplySpec

if TYPE_CHECKING:
    from harness.chain.loading import load

__all__ = ["Chain", "Endpoint", "HostedConfig", "Price", "Provider", "ReplySpec", "Retry", "load"]

__getattr__ = lazy_names(__name__, {"load": "loading"})
