"""Toxiproxy: getting it, running one for the length of a run, and changing what it does."""

from harness.live.toxiproxy.provision import Binary, SourceCheck, doctor, provision
from harness.live.toxiproxy.server import Toxiproxy

__all__ = ["Binary", "SourceCheck", "Toxiproxy", "doctor", "provision"]
