"""How a chain is hosted: by LiteLLM's Router in a child of ours, or as a gateway that is not ours."""

from harness.drivers.endpoint import wait_ready
from harness.drivers.host import Address, Host, host

__all__ = ["Address", "Host", "host", "wait_ready"]
