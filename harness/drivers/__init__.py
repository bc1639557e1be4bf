"""How a chain is hosted: by LiteLLM or an SDK in children of ours, or as a gateway that is not ours; what providers take."""

from harness.drivers.endpoint import READY_S, Probe
from harness.drivers.host import Host, host
from harness.drivers.litellm_prices import priced

__all__ = ["READY_S", "Host", "LoadTarget", "Probe", "host", "priced"]
